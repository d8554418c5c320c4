import { NonetError } from '../core/errors.js';
import { type Batch, createBatchMaker } from './batch-rows.js';
import { type Batcher, type BatcherOptions, requireCount } from './batches.js';
import { createPatchReader } from './patch-reader.js';

export interface StreamOptions extends Omit<BatcherOptions, 'compression'> {
  /** Walks over the data; without end unless told. */
  readonly epochs?: number;
  /** Micro-batches of one optimizer step. */
  readonly accumulation: number;
}

export interface StreamBatcher extends Batcher {
  /** Windows of each stream. */
  readonly windows: number;
  /** Optimizer steps of all epochs; missing without `epochs`. */
  readonly steps?: number;
}

/**
 * Batches that go through `store` in order. It is cut into `batchSize` parts of whole bytes, one below the other as rows, and
 * every micro-batch has the next window of each: window `m mod windows` for micro-batch m of all. Behind the last window
 * (what is too short for one more is left out) all rows begin anew. The seed has no say in it.
 *
 * @throws NonetError `E_DATA` when a part is shorter than one window.
 */
export const createStreamBatcher = (options: StreamOptions): StreamBatcher => {
  const { store, bitsPerPatch, contextLength, batchSize, epochs, accumulation } = options;
  requireCount('contextLength', contextLength, 1);
  requireCount('batchSize', batchSize, 1);
  requireCount('accumulation', accumulation, 1);
  const reader = createPatchReader(store, options);
  const partBits = Math.floor(store.length / batchSize) * reader.frameBits;
  const length = contextLength + 1;
  const windows = Math.floor((partBits / bitsPerPatch - 1) / contextLength);
  if (windows < 1) {
    const needed = Math.ceil((length * bitsPerPatch) / reader.frameBits) * batchSize;
    const message =
      `the training data has ${store.length} bytes, but ${batchSize} streams of one window take ${needed}: ` +
      'give more data or reduce train.batchSize or model.contextLength.';
    throw new NonetError('E_DATA', message, { bytes: store.length, needed, part: 'training' });
  }
  const make = createBatchMaker(store, options, length);
  const all = epochs === undefined ? Number.POSITIVE_INFINITY : epochs * windows;
  const microBatches = (step: number): number => Math.min(accumulation, all - step * accumulation);

  return {
    starts: windows * batchSize,
    windows,
    ...(epochs !== undefined && { steps: Math.ceil(all / accumulation) }),
    microBatches,
    kind: () => 'plain',
    batch: (step, microBatch = 0): Batch => {
      requireCount('step', step, 0);
      requireCount('microBatch', microBatch, 0);
      const position = ((step * accumulation + microBatch) % windows) * contextLength;
      const starts = Array.from({ length: batchSize }, (_, row) => row * partBits + position * bitsPerPatch);
      return { ...make('plain', starts), position };
    },
  };
};
