import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { loadAddon } from '../src/compile/native/addon.js';

const script = fileURLToPath(new URL('run.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'nonet-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bench = (...args: string[]) => spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });

interface Report {
  readonly machine: { readonly cpu: string };
  readonly versions: Readonly<Record<string, string>>;
  readonly threads: number;
  readonly rows: readonly Row[];
}

interface Row {
  readonly case: string;
  readonly metric: string;
  readonly unit: string;
  readonly nonet: number;
  readonly peers: Readonly<Record<string, number | null>>;
  readonly ratio: Readonly<Record<string, number | null>>;
  readonly peakShare?: number;
}

const reportOf = (name: string, ...args: string[]): Report => {
  const file = join(folder, `${name}.json`);
  const { status, stderr, stdout } = bench(name, '--quick', '--no-peers', '--json', file, ...args);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toContain(`${name}: `);
  return JSON.parse(readFileSync(file, 'utf8')) as Report;
};

const { reason } = loadAddon();
const rowKeys = ['case', 'metric', 'unit', 'nonet', 'peers', 'ratio'];

describe('npm run bench', () => {
  it.skipIf(reason).each([
    ['gemm', 3, ['OpenBLAS', 'OpenBLAS, fitted', 'oneDNN']],
    ['rows', 20, ['PyTorch']],
    ['attention', 2, ['PyTorch']],
    ['train', 4, ['PyTorch', 'PyTorch, tuned']],
    ['decode', 1, ['PyTorch']],
    ['memory', 8, ['PyTorch']],
    ['startup', 4, ['PyTorch']],
  ])('writes the figures of %s, with null for peers that did not run', (name, rows, peers) => {
    const report = reportOf(name);
    expect(Object.keys(report)).toEqual(['machine', 'versions', 'threads', 'rows']);
    expect(report.machine.cpu).not.toBe('');
    expect(Object.keys(report.versions)).toEqual(['nonet', 'node']);
    expect(report.threads).toBe(1);
    expect(report.rows).toHaveLength(rows);
    const nulls = Object.fromEntries(peers.map((peer) => [peer, null]));
    for (const row of report.rows) {
      expect(Object.keys(row).filter((key) => key !== 'peakShare')).toEqual(rowKeys);
      expect(row.nonet).toBeGreaterThan(0);
      expect(row.peers).toEqual(nulls);
      expect(row.ratio).toEqual(nulls);
    }
  });

  it.skipIf(reason)('skips the quality of a text that is not there, with a word', () => {
    const file = join(folder, 'skipped.json');
    const { status, stdout } = bench('quality', '--data', join(folder, 'none.txt'), '--json', file);
    expect(status).toBe(0);
    expect(stdout).toMatch(/skipped: .*none\.txt is not there/);
    expect((JSON.parse(readFileSync(file, 'utf8')) as Report).rows).toEqual([]);
  });

  it.each([
    [[], 'which benchmark?'],
    [['speed'], 'there is no benchmark "speed"'],
    [['gemm', '--seconds', 'long'], '--seconds takes a positive number, not "long"'],
    [['gemm', '--loud'], '--loud'],
  ])('refuses the arguments %j with exit code 2', (args, message) => {
    const { status, stderr } = bench(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).toContain('usage: npm run bench');
  });
});
