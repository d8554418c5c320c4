import { describe, expect, it, vi } from 'vitest';

interface Result {
  readonly seconds: number;
  readonly kept: number;
  readonly taken: number;
  readonly gated: boolean;
}
interface Timed {
  readonly of: string;
  readonly metric: string;
  readonly unit: string;
  readonly results: Map<string, Result>;
}
interface Report {
  peers(names: string[], without: Record<string, string>): void;
  failed(peer: string, reason: string): void;
  addRate(row: Timed & { amount: number; peakAmount?: number }): void;
  addTime(row: Timed & { scale?: number }): void;
  json(): { benchmark: string; command: string; date: string; rows: readonly unknown[] };
  print(): void;
}
const { createReport } = (await import(new URL('report.mjs', import.meta.url).href)) as {
  createReport: (options: unknown) => Report;
};

const machine = { cpu: 'a processor', isa: 'avx2', cores: 1, load: 0.5 };
const took = (seconds: number, gated = true): Result => ({ seconds, kept: gated ? 5 : 1, taken: 9, gated });
const newReport = (more = {}): Report => {
  const report = createReport({ name: 'gemm', command: 'npm run bench -- gemm', machine, threads: 1, ...more });
  report.peers(['Fast', 'Absent'], { Absent: 'not installed' });
  return report;
};
const printed = (report: Report): string => {
  const print = vi.spyOn(console, 'log').mockImplementation(() => {});
  report.print();
  const text = print.mock.calls.join('\n');
  print.mockRestore();
  return text;
};
const results = new Map([
  ['nonet', took(2)],
  ['Fast', took(1)],
]);

describe('createReport', () => {
  it('gives a ratio above 1 exactly where nonet is better, for rates as for times', () => {
    const report = newReport();
    report.addRate({ of: 'x', metric: 'speed', unit: 'GFLOP/s', amount: 8, results, peakAmount: 16 });
    report.addTime({ of: 'x', metric: 'time', unit: 'ms', scale: 1e-3, results });
    const shared = { case: 'x', ratio: { Fast: 0.5, Absent: null } };
    expect(report.json().rows).toEqual([
      { ...shared, metric: 'speed', unit: 'GFLOP/s', nonet: 4, peers: { Fast: 8, Absent: null }, peakShare: 0.25 },
      { ...shared, metric: 'time', unit: 'ms', nonet: 2000, peers: { Fast: 1000, Absent: null } },
    ]);
  });

  it('prints which peers are not installed and how many samples were kept', () => {
    const report = newReport();
    report.addRate({ of: 'quiet', metric: 'speed', unit: 'GFLOP/s', amount: 8, results });
    report.addRate({
      of: 'loud',
      metric: 'speed',
      unit: 'GFLOP/s',
      amount: 8,
      results: new Map([['nonet', took(1, false)]]),
    });
    const text = printed(report);
    expect(text).toMatch(/quiet .* 0\.50x +not installed .* 5\/9 5\/9\n/);
    expect(text).toMatch(/loud .* 1\/9\*\n/);
    expect(text).toContain('fewer than three');
  });

  it('prints its rows as a table of Markdown where that is asked for', () => {
    const report = newReport({ markdown: true });
    report.addRate({ of: 'a|b', metric: 'speed', unit: 'GFLOP/s', amount: 8, results, peakAmount: 16 });
    report.addTime({ of: 'x', metric: 'validation', unit: 'bits/byte', results: new Map([['nonet', took(2.00049)]]) });
    const rows = printed(report).match(/^\|.*$/gm);
    expect(rows).toEqual([
      '| case | metric | unit | nonet | Fast | Absent | of the FMA probe |',
      '| --- | --- | --- | --- | --- | --- | --- |',
      '| a\\|b | speed | GFLOP/s | 4 | 8 (0.50x) | - | 25 % |',
      '| x | validation | bits/byte | 2.000 | - | - |  |',
    ]);
  });

  it('says of a peer that failed so, with the reason once below', () => {
    const report = newReport();
    report.failed('Fast', 'no room');
    report.failed('Fast', 'no room again');
    report.addTime({ of: 'x', metric: 'time', unit: 's', results: new Map([['nonet', took(2)]]) });
    expect(printed(report)).toMatch(/x +time +s +2 +failed +- +not installed +-[\s\S]*Fast failed: no room$/);
  });

  it('tells what was run and when, so that a page can be made of files', () => {
    const { benchmark, command, date } = newReport().json();
    expect([benchmark, command]).toEqual(['gemm', 'npm run bench -- gemm']);
    expect(new Date(date).toISOString()).toBe(date);
  });
});
