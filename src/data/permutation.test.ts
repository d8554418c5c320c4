import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permuted } from './permutation.js';

const shuffle = (count: number, key: readonly [number, number]): number[] =>
  Array.from({ length: count }, (_, i) => permuted(i, count, key));

describe('permuted', () => {
  it('has every number once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.nat(), fc.nat(), (count, key0, key1) => {
        expect(shuffle(count, [key0, key1]).sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      }),
      { numRuns: 60 },
    );
  });

  it('is another order for another key, and stays inside of large counts', () => {
    expect(shuffle(100, [1, 2])).not.toEqual(shuffle(100, [1, 3]));
    expect(shuffle(100, [1, 2])).not.toEqual(shuffle(100, [2, 2]));
    for (const count of [2 ** 33 + 7, 2 ** 52]) {
      const at = permuted(count - 1, count, [5, 6]);
      expect(Number.isSafeInteger(at) && at >= 0 && at < count).toBe(true);
    }
  });

  it('leaves no trace of the order: neighbours land anywhere', () => {
    const order = shuffle(4096, [9, 9]);
    const steps = order.slice(1).map((at, i) => Math.abs(at - order[i]!));
    // The mean distance of two random places is a third of the count.
    expect(steps.reduce((sum, step) => sum + step, 0) / steps.length / 4096).toBeCloseTo(1 / 3, 1);
  });
});
