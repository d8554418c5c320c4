import { describe, expect, it } from 'vitest';
import { adafactor } from './adafactor.js';
import { optimizerStateTypes } from './optimizer.js';
import { tenUpdatesEach, worst } from './test-support.js';

const rms = (values: readonly number[]): number =>
  Math.sqrt(values.reduce((total, x) => total + x * x, 0) / values.length);
const mean = (values: readonly number[]): number => values.reduce((total, x) => total + x, 0) / values.length;

describe('adafactor', () => {
  it.each([false, true])(
    'follows the plain float64 algorithm for ten steps, relative steps %s',
    async (relativeStep) => {
      const optimizer = adafactor({ relativeStep, weightDecay: 0.1, clipThreshold: 0.8 });
      let clipped = 0;
      const differences = await tenUpdatesEach(optimizer, ({ parameter, kept }, { shape, gradient, lr, t }) => {
        const beta = 1 - t ** -0.8;
        const squares = gradient.map((g) => g * g + 1e-30);
        const running = (old: number[], now: number[]): number[] => old.map((x, i) => beta * x + (1 - beta) * now[i]!);
        const [rows, columns] = shape as readonly [number, number];
        const isMatrix = shape.length === 2;
        const next: Record<string, number[]> = isMatrix
          ? {
              rows: running(
                kept.rows!,
                Array.from({ length: rows }, (_, r) => mean(squares.slice(r * columns, (r + 1) * columns))),
              ),
              columns: running(
                kept.columns!,
                Array.from({ length: columns }, (_, c) => mean(squares.filter((_, i) => i % columns === c))),
              ),
            }
          : { second: running(kept.second!, squares) };
        const second = (i: number): number =>
          isMatrix
            ? (next.rows![Math.floor(i / columns)]! * next.columns![i % columns]!) / mean(next.rows!)
            : next.second![i]!;
        const raw = gradient.map((g, i) => g / Math.sqrt(second(i)));
        if (rms(raw) > 0.8) clipped++;
        const update = raw.map((u) => u / Math.max(1, rms(raw) / 0.8));
        const size = relativeStep ? lr * Math.max(1e-3, rms(parameter)) : lr;
        return {
          parameter: parameter.map((p, i) => p - (isMatrix ? lr * 0.1 * p : 0) - size * update[i]!),
          kept: next,
        };
      });
      expect(worst(differences).error).toBeLessThan(1e-5);
      expect(clipped).toBeGreaterThan(10);
    },
  );

  it('keeps a row and a column for a matrix instead of another matrix', () => {
    const types = optimizerStateTypes(adafactor(), { a: { shape: [300, 200], dtype: 'f32' } });
    expect(types).toEqual({
      rows: { a: { shape: [300], dtype: 'f32' } },
      columns: { a: { shape: [200], dtype: 'f32' } },
    });
  });
});
