import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'nonet-rows-hand-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const program = join(folder, 'rows_hand');
const source = fileURLToPath(new URL('rows_hand.c', import.meta.url));
const compiler = process.env.CC ?? 'cc';
const compiled = spawnSync(compiler, ['-O3', '-march=native', '-o', program, source, '-lm']).status === 0;

const [rows, columns] = [3, 64];

/** The numbers that the program makes up. */
const noise = (count: number, seed: number, scale = 1, middle = 0): number[] => {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return middle + scale * (state / 2 ** 31 - 1);
  });
};
const x = noise(rows * columns, 1);
const dy = noise(rows * columns, 2);
const weight = noise(columns, 3, 0.5, 1);
const bias = noise(columns, 4, 0.5);

type Rows = readonly number[];
const rowOf = (values: Rows, row: number) => values.slice(row * columns, (row + 1) * columns);
const mean = (values: Rows) => values.reduce((sum, value) => sum + value, 0) / values.length;

const rmsNorm = (row: Rows) => {
  const root = Math.sqrt(mean(row.map((v) => v * v)) + 1e-5);
  return row.map((v, i) => (v / root) * weight[i]!);
};
const layerNorm = (row: Rows) => {
  const middle = mean(row);
  const root = Math.sqrt(mean(row.map((v) => (v - middle) ** 2)) + 1e-5);
  return row.map((v, i) => ((v - middle) / root) * weight[i]! + bias[i]!);
};
const softmax = (row: Rows) => {
  const powers = row.map(Math.exp);
  return powers.map((v) => v / (mean(powers) * columns));
};
const gelu = (row: Rows) => row.map((v) => v / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))));

/** What the program has at some places after one run: `look` lines are answered one each. */
const looked = (words: string, looks: readonly string[], runs = 1): number[] => {
  const input = [`case ${words}`, `run ${runs}`, ...looks.map((look) => `look ${look}`), ''].join('\n');
  const lines = execFileSync(program, { input, encoding: 'utf8' }).trim().split('\n');
  expect(lines[1]).toBe('ok');
  return lines.slice(3).map(Number);
};

const at = 2 * columns + 7;
/** Derivative of the sum of `dy` times the results by one input of the last row. */
const slope = (f: (row: Rows) => Rows): number => {
  const loss = (by: number) =>
    f(rowOf(x, 2).map((v, i) => (i === 7 ? v + by : v))).reduce((sum, y, i) => sum + y * rowOf(dy, 2)[i]!, 0);
  return (loss(1e-5) - loss(-1e-5)) / 2e-5;
};

describe.skipIf(!compiled)('rows_hand.c', () => {
  it.each([
    ['rmsNorm', rmsNorm],
    ['layerNorm', layerNorm],
    ['softmax', softmax],
    ['gelu', gelu],
  ])('computes %s and its gradient', (name, f) => {
    const expected = f(rowOf(x, 2))[7]!;
    expect(looked(`${name} ${rows} ${columns} forward`, [`y ${at}`])[0]).toBeCloseTo(expected, 5);
    const [y, dx] = looked(`${name} ${rows} ${columns} both`, [`y ${at}`, `dx ${at}`]);
    expect(y).toBeCloseTo(expected, 5);
    expect(dx).toBeCloseTo(slope(f), 4);
  });

  it('sums the gradient of a weight over the rows, anew in every run', () => {
    const scaled = [0, 1, 2].map((row) => rmsNorm(rowOf(x, row))[7]! / weight[7]!);
    const expected = scaled.reduce((sum, value, row) => sum + value * rowOf(dy, row)[7]!, 0);
    expect(looked(`rmsNorm ${rows} ${columns} both`, ['dw 7'], 3)[0]).toBeCloseTo(expected, 5);
  });

  it('computes the cross entropy and its gradient', () => {
    const losses = [0, 1, 2].map((row) => -Math.log(softmax(rowOf(x, row))[(row * 7919) % columns]!));
    const [loss, dx] = looked(`crossEntropy ${rows} ${columns} both`, ['y 0', `dx ${at}`]);
    expect(loss).toBeCloseTo(mean(losses), 5);
    const own = (2 * 7919) % columns === 7 ? 1 : 0;
    expect(dx).toBeCloseTo((softmax(rowOf(x, 2))[7]! - own) / rows, 6);
    expect(looked(`crossEntropy ${rows} ${columns} forward`, ['y 0'])[0]).toBeCloseTo(mean(losses), 5);
  });

  it('does one update of AdamW', () => {
    const g = dy[at]!;
    const expected = x[at]! * (1 - 1e-3 * 0.01) - (1e-3 * g) / (Math.abs(g) + 1e-8);
    expect(looked(`adamW ${rows} ${columns} update`, [`x ${at}`])[0]).toBeCloseTo(expected, 6);
  });
});
