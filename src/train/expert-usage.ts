import type { LanguageModel } from '../models/index.js';

/** How the experts of a model were used. */
export interface ExpertUsage {
  /** Share of places that each expert got, block by block; each row adds up to 1. */
  readonly usage: readonly (readonly number[])[];
  /** The largest share over the mean one: 1 where all experts are used alike, their number where one gets all. */
  readonly hottest: number;
}

/** Shares as they are told: f32 [layers, experts], row by row. */
export const expertUsageOf = ({ traits }: LanguageModel, shares: ArrayLike<number>): ExpertUsage => {
  const { layers, experts } = traits;
  const rounded = (share: number): number => Number(share.toFixed(5));
  const usage = Array.from({ length: layers }, (_, i) =>
    Array.from({ length: experts }, (_, e) => rounded(shares[i * experts + e]!)),
  );
  return { usage, hottest: Number((Math.max(...usage.flat()) * experts).toFixed(3)) };
};

/** A weighted sum of shares of several calls or micro-batches. */
export const createUsageMean = () => {
  let sum: Float64Array | undefined;
  let total = 0;
  return {
    /** `shares` of `count` equal parts, one behind the other. */
    add: (shares: Float32Array, count: number, weight: number): void => {
      const size = shares.length / count;
      sum ??= new Float64Array(size);
      for (let i = 0; i < shares.length; i++) sum[i % size]! += shares[i]! * weight;
      total += count * weight;
    },
    /** Nothing where nothing was added. */
    mean: (): Float32Array | undefined => sum && Float32Array.from(sum, (share) => share / total),
  };
};

/** For people. */
export const describeHottest = ({ hottest }: ExpertUsage): string => `hottest expert ${hottest.toFixed(2)}x the mean`;
