import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permute, randomInteger, threefry2x32, unitInterval } from './random.js';

const word = fc.integer({ min: 0, max: 0xffffffff });

describe('threefry2x32', () => {
  it.each([
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xc4923a9c, 0x483df7a0],
    ],
  ] as const)('gives the published answer for key %j and counter %j', (key, counter, answer) => {
    expect(threefry2x32(key[0], key[1], counter[0], counter[1])).toEqual(answer);
  });

  it('gives two unsigned 32-bit words', () => {
    fc.assert(
      fc.property(word, word, word, word, (k0, k1, c0, c1) => {
        for (const value of threefry2x32(k0, k1, c0, c1)) expect(value).toBe(value >>> 0);
      }),
    );
  });
});

describe('randomInteger', () => {
  it('stays below the bound', () => {
    fc.assert(
      fc.property(
        word,
        word,
        fc.maxSafeNat(),
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        (k0, k1, c, bound) => {
          const value = randomInteger(k0, k1, c, bound);
          expect(Number.isSafeInteger(value) && value >= 0 && value < bound).toBe(true);
        },
      ),
    );
  });

  it('draws every value about equally often', () => {
    const seen = new Array<number>(10).fill(0);
    for (let counter = 0; counter < 10_000; counter++) seen[randomInteger(1, 2, counter, 10)]!++;
    // Chi square with 9 degrees of freedom: above 33.7 once in ten thousand keys.
    const chiSquare = seen.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(33.7);
  });

  it('depends on the upper half of a counter beyond 2^32', () => {
    expect(unitInterval(1, 2, 5)).not.toBe(unitInterval(1, 2, 5 + 2 ** 32));
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 53])('refuses the bound %d', (bound) => {
    expect(() => randomInteger(0, 0, 0, bound)).toThrow(/bound is .*, expected an integer/);
  });
});

describe('permute', () => {
  it('reaches every index exactly once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), word, word, (size, key0, key1) => {
        const reached = new Set<number>();
        for (let index = 0; index < size; index++) reached.add(permute(index, size, [key0, key1]));
        expect(reached.size).toBe(size);
        expect(Math.min(...reached)).toBe(0);
        expect(Math.max(...reached)).toBe(size - 1);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps sizes beyond 32 bits inside their range and apart', () => {
    const size = 2 ** 52 + 12_345;
    const reached = new Set<number>();
    for (let index = 0; index < 500; index++) reached.add(permute(size - 1 - index, size, [7, 9]));
    expect(reached.size).toBe(500);
    for (const value of reached) expect(Number.isSafeInteger(value) && value >= 0 && value < size).toBe(true);
  });

  it('gives another order for another key', () => {
    const order = (key: number) => Array.from({ length: 50 }, (_, index) => permute(index, 50, [key, 0]));
    expect(order(1)).not.toEqual(order(2));
  });

  it('sends neighbours to unrelated places', () => {
    // The mean distance of two random places is a third of the size.
    const size = 10_000;
    let distance = 0;
    for (let index = 0; index < 1000; index++) {
      distance += Math.abs(permute(index, size, [3, 4]) - permute(index + 1, size, [3, 4]));
    }
    expect(distance / 1000 / size).toBeGreaterThan(0.3);
    expect(distance / 1000 / size).toBeLessThan(0.37);
  });

  it('refuses an index outside of the permutation', () => {
    expect(() => permute(5, 5, [0, 0])).toThrow('index 5 lies outside of 0..4');
  });
});
