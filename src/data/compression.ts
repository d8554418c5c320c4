import { seedKey, unitInterval } from '../core/random.js';

/**
 * How a batch is made of its windows: `plain` patches; `compressed`, the same rows run-length coded, which the core decodes;
 * `direct`, rows made of the run-length code itself.
 */
export type BatchKind = 'plain' | 'compressed' | 'direct';

/** How often batches are compressed or direct: a ramp over the steps. */
export interface CompressionRamp {
  /** Probability at step 0, 0 to 1. */
  readonly start: number;
  /** Probability from step `steps` on. */
  readonly end: number;
  readonly steps: number;
  /** Share of these batches that are direct, 0 to 1. */
  readonly direct: number;
}

/** Sets the draws of kinds apart from every other use of the seed. */
const STREAM = 0x6b696e64;

/** Probability that the batches of a step are compressed or direct: half a cosine from `start` to `end`, which then stays. */
export const compressionProbability = ({ start, end, steps }: CompressionRamp, step: number): number =>
  step >= steps ? end : start + ((end - start) * (1 - Math.cos((Math.PI * step) / steps))) / 2;

/** The kind of all batches of a step; a pure function of seed and step. */
export const batchKind = (ramp: CompressionRamp | undefined, seed: number, step: number): BatchKind => {
  if (ramp === undefined) return 'plain';
  const drawn = unitInterval(...seedKey(seed, STREAM, step), 0);
  const probability = compressionProbability(ramp, step);
  if (drawn >= probability) return 'plain';
  return drawn < probability * ramp.direct ? 'direct' : 'compressed';
};
