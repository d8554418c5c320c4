import { describe, expect, it } from 'vitest';

type Numbers = readonly number[];
type Crossing = { readonly length: number; readonly atMost: boolean } | undefined;
const load = (file: string): Promise<unknown> => import(new URL(file, import.meta.url).href);
const { slope } = (await load('slope.mjs')) as { slope: (points: readonly Numbers[]) => number };
const { crossing, largestDifference, meanGain, partMeans } = (await load('curves.mjs')) as {
  crossing: (points: readonly Numbers[]) => Crossing;
  largestDifference: (curve: Numbers, from: Numbers) => number;
  meanGain: (curve: Numbers, below: Numbers) => number;
  partMeans: (curve: Numbers, count?: number) => number[];
};

const lengths = [1024, 4096, 16384, 65536];
const curveOf = (power: number, factor: number) => (length: number) => factor * length ** power;

describe('slope', () => {
  it.each([1, 1.5, 2])('is the power %f of a length', (power) => {
    const points = lengths.map((length) => [length, curveOf(power, 3)(length)]);
    expect(slope(points)).toBeCloseTo(power, 10);
  });

  it('is that of the line of least squares where points lie beside it', () => {
    const points = [
      [1, 1],
      [Math.E, Math.E],
      [Math.E ** 2, Math.E],
    ];
    expect(slope(points)).toBeCloseTo(0.5, 10);
  });
});

describe('crossing', () => {
  /** N^1.5 beside N^2, alike at some length. */
  const pointsAlikeAt = (length: number) => lengths.map((n) => [n, n ** 1.5 * length ** 0.5, n ** 2]);

  it.each([1024, 1500, 4096, 20000])('is where two powers of the length are alike, at %d', (length) => {
    const found = crossing(pointsAlikeAt(length));
    expect(found?.length).toBeCloseTo(length, 6);
    expect(found?.atMost).toBe(false);
  });

  it('is at most the first length where the first is faster already', () => {
    expect(crossing(pointsAlikeAt(700))).toEqual({ length: 1024, atMost: true });
  });

  it('is nowhere where the last is not faster', () => {
    expect(crossing(pointsAlikeAt(100_000))).toBeUndefined();
    expect(crossing([[16, 2, 2]])).toBeUndefined();
  });

  it('is the last one where there are several', () => {
    const points = [
      [1, 1, 2],
      [2, 4, 2],
      [4, 2, 4],
    ];
    expect(crossing(points)?.length).toBeCloseTo(2 * Math.SQRT2, 10);
  });
});

describe('curves', () => {
  it('are cut into parts that are as equal as whole numbers are', () => {
    expect(partMeans([1, 3, 5, 7], 2)).toEqual([2, 6]);
    expect(partMeans([1, 2, 3, 4, 5], 2)).toEqual([2, 4.5]);
    expect(partMeans([4, 6])).toEqual([4, 6]);
    const means = partMeans(Array.from({ length: 103 }, (_, i) => i));
    expect(means).toHaveLength(10);
    expect(means[0]).toBe(4.5);
  });

  it('differ by shares of the one that they are held against', () => {
    expect(largestDifference([2, 5, 3], [2, 4, 4])).toBe(0.25);
    expect(largestDifference([2], [2])).toBe(0);
    expect(meanGain([3, 4], [4, 4])).toBe(0.125);
    expect(meanGain([5], [4])).toBe(-0.25);
  });
});
