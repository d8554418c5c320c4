import { type Batcher, type BatcherOptions, createBatcher } from './batches.js';
import type { ByteStore } from './byte-store.js';
import { createEpochBatcher, type EpochBatcher } from './epochs.js';
import { createStreamBatcher, type StreamBatcher } from './streams.js';

/** What batches are made by but for the data and the seed: plain data, which another thread can be told. */
export interface BatchOptions extends Omit<BatcherOptions, 'store' | 'seed'> {
  readonly accumulation: number;
  /** Windows in epochs instead of windows at random. */
  readonly epochs?: number;
  readonly extraSteps: number;
  /** Windows in the order of the data. */
  readonly stream?: boolean;
}

/** The batches of a run by their seed. */
export type BatcherOf = (seed: number) => Batcher & Partial<Pick<EpochBatcher | StreamBatcher, 'windows' | 'steps'>>;

export const batchersOfSeeds = (store: ByteStore, { epochs, stream, ...options }: BatchOptions): BatcherOf => {
  const create: BatcherOf = (seed) => {
    if (stream) return createStreamBatcher({ store, seed, epochs, ...options });
    if (epochs === undefined) return createBatcher({ store, seed, ...options });
    return createEpochBatcher({ store, seed, epochs, ...options });
  };
  // Every step asks, almost always for the seed of the step before.
  let last: { readonly seed: number; readonly batcher: ReturnType<BatcherOf> } | undefined;
  return (seed) => {
    if (last?.seed !== seed) last = { seed, batcher: create(seed) };
    return last.batcher;
  };
};
