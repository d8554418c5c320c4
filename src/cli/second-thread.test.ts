import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cacheSizes, measureSecondThread } from './second-thread.js';

const root = mkdtempSync(join(tmpdir(), 'nonet-caches-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const folderOf = (caches: readonly (readonly [level: string, type: string, size: string])[]): string => {
  const folder = mkdtempSync(join(root, 'cpu-'));
  for (const [i, [level, type, size]] of caches.entries()) {
    const index = join(folder, `index${i}`);
    mkdirSync(index);
    writeFileSync(join(index, 'level'), `${level}\n`);
    writeFileSync(join(index, 'type'), `${type}\n`);
    writeFileSync(join(index, 'size'), `${size}\n`);
  }
  return folder;
};

describe('cacheSizes', () => {
  it('reads the sizes of the data caches', () => {
    const folder = folderOf([
      ['1', 'Data', '32K'],
      ['1', 'Instruction', '32K'],
      ['2', 'Unified', '512K'],
      ['3', 'Unified', '33M'],
    ]);
    expect(cacheSizes(folder)).toEqual({ l2: 512 * 1024, l3: 33 * 1024 ** 2 });
  });

  it('takes usual sizes where nothing is told', () => {
    expect(cacheSizes(join(root, 'none'))).toEqual({ l2: 1024 ** 2, l3: 32 * 1024 ** 2 });
  });
});

describe('measureSecondThread', () => {
  it('compares two threads with one, each with a working set of its own', async () => {
    const asked: unknown[] = [];
    const probe = async (kind: string, _seconds: number, threads: number, bytes?: number): Promise<number> => {
      asked.push([kind, threads, bytes]);
      return kind === 'fma' ? 50 * threads : threads === 1 ? 10 : 15;
    };
    const gains = await measureSecondThread({ probe }, 0.1, { l2: 1024, l3: 65536 });
    expect(gains).toEqual({ fma: 2, l2: 1.5, l3: 1.5, memory: 1.5 });
    expect(asked).toContainEqual(['read', 1, 512]);
    expect(asked).toContainEqual(['read', 2, 1024]);
    expect(asked).toContainEqual(['read', 2, 2 * 4 * 65536]);
  });
});
