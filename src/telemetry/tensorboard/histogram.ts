import { lazily } from '../../core/libraries.js';

/** How the values of a tensor are spread, as TensorBoard shows it. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly count: number;
  readonly sum: number;
  readonly sumOfSquares: number;
  /** The upper ends of the buckets that hold something, rising; a bucket begins where the one before it ends. */
  readonly limits: readonly number[];
  /** Values in each bucket. */
  readonly counts: readonly number[];
}

/** Limits above zero: from 1e-12 on each is a tenth more than the one before. Those below zero mirror them. */
const positiveLimits = lazily(() => {
  const limits: number[] = [];
  for (let limit = 1e-12; limit < Number.MAX_VALUE; limit *= 1.1) limits.push(limit);
  return Float64Array.from([...limits, Number.MAX_VALUE]);
});

/** Limits by place, a sorted numbering: 0 is the limit 0, 1 the first above it, -1 the first below it. */
const limitAt = (place: number): number => Math.sign(place) * (positiveLimits()[Math.abs(place) - 1] ?? 0);

/** The place of the lowest limit that is not below the value. */
const placeOf = (value: number): number => {
  const limits = positiveLimits();
  // The first limit that is not below the size, or for negative values, whose bucket lies on its other side, above it.
  const size = Math.abs(value);
  let [low, high] = [0, limits.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value > 0 ? limits[middle]! >= size : limits[middle]! > size) high = middle;
    else low = middle + 1;
  }
  return value > 0 ? low + 1 : 0 - low;
};

/** The histogram of all values that are finite; undefined where none is. */
export const histogramOf = (values: ArrayLike<number>): Histogram | undefined => {
  const counts = new Map<number, number>();
  let [min, max, sum, sumOfSquares, count] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    count += 1;
    sum += value;
    sumOfSquares += value * value;
    if (value < min) min = value;
    if (value > max) max = value;
    const place = placeOf(value);
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  if (count === 0) return undefined;
  const places = [...counts.keys()].sort((a, b) => a - b);
  // A bucket without values before one with values keeps that one from reaching back to the last.
  const ends = new Map<number, number>();
  for (const place of places) {
    // Below the lowest limit of all there is none.
    if (!ends.has(place - 1) && place > -positiveLimits().length) ends.set(place - 1, 0);
    ends.set(place, counts.get(place)!);
  }
  return {
    min,
    max,
    count,
    sum,
    sumOfSquares,
    limits: [...ends.keys()].map(limitAt),
    counts: [...ends.values()],
  };
};
