import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  readonly benchmark: string;
  readonly command: string;
  readonly date: string;
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

const reportOf = (name: string, { args = [] as string[], said = /^$/ } = {}): Report => {
  const file = join(folder, `${name}.json`);
  const { status, stderr, stdout } = bench(name, '--quick', '--no-peers', '--json', file, ...args);
  expect(stderr).toMatch(said);
  expect(status).toBe(0);
  expect(stdout).toContain(`${name}: `);
  return JSON.parse(readFileSync(file, 'utf8')) as Report;
};

const textFile = (): string => {
  const text = join(folder, 'text.txt');
  writeFileSync(text, Array.from({ length: 3000 }, (_, i) => `${i} squared is ${i * i}.\n`).join(''));
  return text;
};

interface Bar {
  readonly parts: readonly {
    readonly from: string;
    readonly case: string;
    readonly metric: string;
    readonly take: string;
    readonly peers?: readonly string[];
  }[];
}
const { benchmarks } = (await import(new URL('benchmarks.mjs', import.meta.url).href)) as {
  benchmarks: Readonly<Record<string, { readonly threads: number }>>;
};
const bars = JSON.parse(readFileSync(new URL('bars.json', import.meta.url), 'utf8')) as readonly Bar[];

const { reason } = loadAddon();
const rowKeys = ['case', 'metric', 'unit', 'nonet', 'peers', 'ratio'];

describe('npm run bench', () => {
  it.skipIf(reason).each([
    ['gemm', 7, ['OpenBLAS', 'OpenBLAS, fitted', 'oneDNN']],
    ['conv', 9, ['oneDNN', 'PyTorch']],
    ['rows', 44, ['hand-fused', 'PyTorch']],
    ['attention', 16, ['PyTorch', 'PyTorch newest']],
    ['train', 12, ['PyTorch', 'PyTorch, tuned', 'PyTorch newest', 'PyTorch newest, compiled', 'JAX']],
    ['threads', 10, []],
    ['decode', 4, ['PyTorch', 'PyTorch newest', 'JAX']],
    ['large', 6, []],
    ['memory', 23, ['PyTorch', 'PyTorch newest']],
    ['startup', 5, ['PyTorch', 'PyTorch newest']],
    ['loop', 2, []],
  ])('writes the figures of %s, with null for peers that did not run', (name, rows, peers) => {
    const report = reportOf(name);
    expect(Object.keys(report)).toEqual(['benchmark', 'command', 'date', 'machine', 'versions', 'threads', 'rows']);
    expect(report.benchmark).toBe(name);
    expect(report.command).toBe(`npm run bench -- ${name} --quick --no-peers`);
    expect(report.machine.cpu).not.toBe('');
    expect(Object.keys(report.versions)).toEqual(['nonet', 'node']);
    expect(report.threads).toBe(benchmarks[name]!.threads);
    expect(report.rows).toHaveLength(rows);
    const nulls = Object.fromEntries(peers.map((peer) => [peer, null]));
    for (const row of report.rows) {
      expect(Object.keys(row).filter((key) => key !== 'peakShare')).toEqual(rowKeys);
      // A slope between two short times may be anything.
      if (!row.metric.startsWith('slope')) expect(row.nonet).toBeGreaterThanOrEqual(0);
      expect(row.peers).toEqual(nulls);
      expect(row.ratio).toEqual(nulls);
    }
    for (const part of bars.flatMap(({ parts }) => parts).filter(({ from }) => from === name)) {
      const row = report.rows.find(({ metric }) => metric === part.metric);
      expect(row, `a row for the bar of ${part.metric}`).toBeDefined();
      if (part.take === 'share') expect(row).toHaveProperty('peakShare');
      for (const peer of part.peers ?? []) expect(peers).toContain(peer);
    }
  });

  it.skipIf(reason)('makes a page of such files', () => {
    const [file, page] = [join(folder, 'loop.json'), join(folder, 'page.md')];
    reportOf('loop');
    const { status, stdout } = bench('report', file, '--out', page);
    expect(status).toBe(0);
    expect(stdout).toMatch(/0 bars met, 0 missed/);
    expect(readFileSync(page, 'utf8')).toContain('npm run bench -- loop --quick --no-peers');
  });

  it('refuses files that are no reports', () => {
    const file = join(folder, 'other.json');
    writeFileSync(file, '{"rows": 3}');
    const { status, stderr } = bench('report', file, '--out', join(folder, 'none.md'));
    expect(status).toBe(1);
    expect(stderr).toMatch(/error: .*other\.json is no report/);
  });

  it.skipIf(reason)('trains every variant of a model', () => {
    const { rows } = reportOf('variants', { args: ['--data', textFile()], said: /^5 trainings.*\[5\/5\] patched/s });
    expect([...new Set(rows.map((row) => row.case))]).toEqual([
      ...['flat', 'flat, in chunks', 'flat, reversible', 'flat, halting', 'patched'],
    ]);
    for (const { nonet } of rows) expect(nonet).toBeGreaterThan(0);
  });

  it.skipIf(reason)(
    'tries every claim',
    () => {
      const { rows } = reportOf('claims', { args: ['--data', textFile()], said: /13 trainings.*\[13\/13\]/s });
      expect([...new Set(rows.map((row) => row.case[0]))].sort()).toEqual([...'abcdefghr']);
      for (const { metric, nonet } of rows) {
        expect(nonet, metric).toBeTypeOf('number');
        if (metric.startsWith('validation')) expect(nonet).toBeGreaterThan(0);
      }
      for (const part of bars.flatMap(({ parts }) => parts).filter(({ from }) => from === 'claims')) {
        expect(rows.some(({ metric, case: of }) => metric === part.metric && new RegExp(part.case).test(of))).toBe(
          true,
        );
      }
    },
    120_000,
  );

  it.skipIf(reason)('sets a training with halting beside one without', () => {
    const { rows } = reportOf('act', { args: ['--data', textFile()], said: /^2 trainings.*\[2\/2\] halting/s });
    const figure = (metric: string) => rows.find((row) => row.case === 'halting' && row.metric === metric)!.nonet;
    expect(figure('bits over those without')).toBeGreaterThan(0);
    expect(figure('mean depth over the layers')).toBeLessThanOrEqual(1);
    expect(Math.abs(figure('rank correlation of surprise and depth'))).toBeLessThanOrEqual(1);
  });

  it.skipIf(reason).each(['quality', 'variants', 'claims'])(
    'skips the %s of a text that is not there, with a word',
    (name) => {
      const file = join(folder, 'skipped.json');
      const { status, stdout } = bench(name, '--data', join(folder, 'none.txt'), '--json', file);
      expect(status).toBe(0);
      expect(stdout).toMatch(/skipped: .*none\.txt is not there/);
      expect((JSON.parse(readFileSync(file, 'utf8')) as Report).rows).toEqual([]);
    },
  );

  it.each([
    [[], 'which benchmark?'],
    [['speed'], 'there is no benchmark "speed"'],
    [['gemm', '--seconds', 'long'], '--seconds takes a positive number, not "long"'],
    [['gemm', '--loud'], '--loud'],
    [['all'], '"all" needs --json-dir'],
    [['all', '--json-dir', 'x', '--threads', '2'], '--threads is not for "all"'],
    [['gemm', '--out', 'x'], '--out is for "report"'],
    [['report'], '"report" takes the files'],
  ])('refuses the arguments %j with exit code 2', (args, message) => {
    const { status, stderr } = bench(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).toContain('usage: npm run bench');
  });
});
