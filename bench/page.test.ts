import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Part {
  readonly of: string;
  readonly from: string;
  readonly case: string;
  readonly metric: string;
  readonly take: string;
  readonly unit: string;
  readonly peers?: readonly string[];
  readonly better?: string;
  readonly bar?: number;
  readonly stretch?: number;
}
interface Bar {
  readonly id: string;
  readonly what: string;
  readonly any?: boolean;
  readonly parts: readonly Part[];
}
type Judged = Bar & { readonly result: string; readonly parts: readonly (Part & { figure: number | null })[] };
interface Row {
  readonly case: string;
  readonly metric: string;
  readonly unit: string;
  readonly nonet: number;
  readonly peers: Record<string, number | null>;
  readonly ratio: Record<string, number | null>;
  readonly peakShare?: number;
}

const load = (file: string): Promise<unknown> => import(new URL(file, import.meta.url).href);
const { judge } = (await load('judge.mjs')) as { judge: (bars: Bar[], reports: unknown[]) => Judged[] };
const { performancePage } = (await load('page.mjs')) as { performancePage: (what: object) => string };

const row = (of: string, ratio: Record<string, number | null> = {}, peakShare?: number): Row => {
  const peers = Object.fromEntries(Object.entries(ratio).map(([peer, by]) => [peer, by === null ? null : 10 / by]));
  const share = peakShare === undefined ? {} : { peakShare };
  return { case: of, metric: 'speed', unit: 'GFLOP/s', nonet: 10, peers, ratio, ...share };
};
const reportOf = (rows: readonly Row[], threads = 1) => ({
  benchmark: 'gemm',
  command: 'npm run bench -- gemm',
  date: '2001-02-03T04:05:06.000Z',
  machine: { cpu: 'A Processor', isa: 'avx2', memoryBytes: 2 ** 34, load: 0.25 },
  versions: { nonet: '1.2.3', Fast: '9' },
  threads,
  rows,
});
const part = (more: Partial<Part>): Part => ({
  ...{ of: 'Fast', from: 'gemm', case: '^big', metric: 'speed', take: 'ratio', peers: ['Fast', 'Faster'], unit: 'x' },
  ...more,
});
const bar = (...parts: Part[]): Bar => ({ id: 'products', what: 'large products', parts });
const judged = (given: Bar, rows: readonly Row[], threads = 1): Judged => judge([given], [reportOf(rows, threads)])[0]!;

describe('judge', () => {
  it('takes the worst row, and of several peers the best', () => {
    const rows = [
      row('big 1', { Fast: 2, Faster: 1.5 }),
      row('big 2', { Fast: 1.25, Faster: null }),
      row('small', { Fast: 0.1 }),
    ];
    const { parts, result } = judged(bar(part({ bar: 1.2, stretch: 1.3 })), rows);
    expect(parts[0]).toMatchObject({ figure: 1.25, case: 'big 2' });
    expect(result).toBe('met');
    expect(judged(bar(part({ bar: 1.2, stretch: 1.25 })), rows).result).toBe('stretch');
    expect(judged(bar(part({ bar: 1.3 })), rows).result).toBe('missed');
  });

  it('turns a time over that of the peer around, where less is better', () => {
    const rows = [row('big 1', { Fast: 0.8 }), row('big 2', { Fast: 2 })];
    const over = { take: 'over', peers: ['Fast'] };
    expect(judged(bar(part({ ...over, bar: 1.3 })), rows)).toMatchObject({ result: 'met', parts: [{ figure: 1.25 }] });
    expect(judged(bar(part({ ...over, bar: 1.2 })), rows).result).toBe('missed');
  });

  it('reads shares of the peak and plain figures, of which less may be better', () => {
    const rows = [row('big 1', {}, 0.5)];
    expect(judged(bar(part({ take: 'share', bar: 0.5 })), rows).result).toBe('met');
    expect(judged(bar(part({ take: 'nonet', bar: 11 })), rows).result).toBe('missed');
    expect(judged(bar(part({ take: 'nonet', better: 'less', bar: 11 })), rows).result).toBe('met');
  });

  it('judges nothing where a row, a peer or the usual number of threads is missing', () => {
    const given = bar(part({ bar: 1 }));
    expect(judged(given, [row('small', { Fast: 2 })]).result).toBe('not measured');
    expect(judged(given, [row('big 1', { Fast: 2 }), row('big 2', { Fast: null })]).result).toBe('not measured');
    expect(judged(given, [row('big 1', { Fast: 2 })], 2).result).toBe('not measured');
  });

  it('needs all parts, or one of them where they are alternatives', () => {
    const [good, bad, absent] = [part({ bar: 1 }), part({ bar: 3 }), part({ case: '^none', bar: 1 })];
    const rows = [row('big 1', { Fast: 2 })];
    expect(judged(bar(good, bad), rows).result).toBe('missed');
    expect(judged(bar(good, absent), rows).result).toBe('not measured');
    expect(judged(bar(bad, absent), rows).result).toBe('missed');
    expect(judged({ ...bar(good, bad), any: true }, rows).result).toBe('met');
    expect(judged({ ...bar(bad, bad), any: true }, rows).result).toBe('missed');
    expect(judged({ ...bar(bad, absent), any: true }, rows).result).toBe('not measured');
  });

  it('does not call a wish missed', () => {
    const rows = [row('big 1', { Fast: 2 })];
    expect(judged(bar(part({ stretch: 3 })), rows).result).toBe('not reached');
    expect(judged(bar(part({ stretch: 2 })), rows).result).toBe('stretch');
  });
});

describe('performancePage', () => {
  const rows = [row('big 1', { Fast: 0.5 }, 0.4), row('big 2', { Fast: 2 }, 0.6)];
  const pageOf = (given: Bar, reasons: Record<string, string> = {}): string => {
    const reports = [reportOf(rows)];
    return performancePage({ bars: judge([given], reports), reasons, reports });
  };

  it('has a table of the bars, and names a missed one with its figure, its row and the reason', () => {
    const page = pageOf(bar(part({ bar: 1, stretch: 1.5 })), { products: 'It is slow.' });
    expect(page).toContain('| large products | Fast at least 1.00x | Fast at least 1.50x | Fast 0.50x | **missed** |');
    expect(page).toContain(
      '- **large products** (`products`): Fast at least 1.00x, measured 0.50x (big 1). It is slow.\n',
    );
  });

  it('leaves a place for a reason that nobody has given', () => {
    expect(pageOf(bar(part({ bar: 1 })))).toContain('Reason: not written down yet.');
  });

  it('says nothing of missed bars where there are none', () => {
    expect(pageOf(bar(part({ take: 'share', unit: '%', bar: 0.4 })))).toMatch(
      /\| Fast at least 40 % \| - \| Fast 40 % \| met \|\n\n## How/,
    );
  });

  it('tells command, threads, date, machine and versions, and all figures', () => {
    const page = pageOf(bar(part({ bar: 1 })));
    expect(page).toContain('Machine: A Processor, avx2, 16 GiB of memory.');
    expect(page).toContain('| `npm run bench -- gemm` | 1 | 2001-02-03 | 0.3 | nonet 1.2.3, Fast 9 |');
    expect(page).toContain('## gemm, 1 thread\n');
    expect(page).toContain('| big 2 | speed | GFLOP/s | 10 | 5 (2.00x) | 60 % |');
  });
});

describe('bars.json and reasons.json', () => {
  const read = (file: string): unknown => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'));
  const bars = read('bars.json') as Bar[];

  it('name each bar once and give every part something to reach', () => {
    const ids = bars.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { bar: least, stretch } of bars.flatMap(({ parts }) => parts)) {
      expect(least ?? stretch).toBeGreaterThan(0);
    }
  });

  it('give reasons for bars that there are', () => {
    const ids = bars.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(Object.keys(read('reasons.json') as object)));
  });
});
