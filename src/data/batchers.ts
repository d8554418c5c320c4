import { type Batcher, type BatcherOptions, createBatcher } from './batches.js';
import type { ByteStore } from './byte-store.js';
import { createEpochBatcher, type EpochBatcher } from './epochs.js';

/** What batches are made by but for the data and the seed: plain data, which another thread can be told. */
export interface BatchOptions extends Omit<BatcherOptions, 'store' | 'seed'> {
  readonly accumulation: number;
  /** Windows in epochs instead of windows at random. */
  readonly epochs?: number;
  readonly extraSteps: number;
}

/** The batches of a run by their seed. */
export type BatcherOf = (seed: number) => Batcher | EpochBatcher;

export const batchersOfSeeds = (store: ByteStore, { epochs, ...options }: BatchOptions): BatcherOf => {
  const create = (seed: number) =>
    epochs === undefined
      ? createBatcher({ store, seed, ...options })
      : createEpochBatcher({ store, seed, epochs, ...options });
  // Every step asks, almost always for the seed of the step before.
  let last: { readonly seed: number; readonly batcher: Batcher | EpochBatcher } | undefined;
  return (seed) => {
    if (last?.seed !== seed) last = { seed, batcher: create(seed) };
    return last.batcher;
  };
};
