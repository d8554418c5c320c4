import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { memoryLimit } from './plan.js';

const folders: string[] = [];

/** A folder with such files under /proc and /sys. */
const machine = (files: Readonly<Record<string, string>>): string => {
  const root = mkdtempSync(join(tmpdir(), 'nonet-memory-'));
  folders.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
};

const free = { 'proc/meminfo': 'MemTotal: 9000 kB\nMemAvailable:    8000 kB\n' };

describe('memoryLimit', () => {
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  it('is what the system has available where nothing bounds it', () => {
    expect(memoryLimit(machine(free))).toBe(8_192_000);
    expect(memoryLimit(machine({ ...free, 'sys/fs/cgroup/memory.max': 'max\n' }))).toBe(8_192_000);
  });

  it('is what a container leaves, its file cache counted as free', () => {
    const container = {
      ...free,
      'sys/fs/cgroup/memory.max': '5000000\n',
      'sys/fs/cgroup/memory.current': '4000000\n',
    };
    expect(memoryLimit(machine(container))).toBe(1_000_000);
    const cached = {
      ...container,
      'sys/fs/cgroup/memory.stat': 'anon 1000000\ninactive_file 2500000\nactive_file 7\n',
    };
    expect(memoryLimit(machine(cached))).toBe(3_500_000);
  });

  it('counts the cache of all groups below in the older form', () => {
    const container = {
      ...free,
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '5000000\n',
      'sys/fs/cgroup/memory/memory.usage_in_bytes': '4000000\n',
      'sys/fs/cgroup/memory/memory.stat': 'inactive_file 1\ntotal_inactive_file 3000000\n',
    };
    expect(memoryLimit(machine(container))).toBe(4_000_000);
  });
});
