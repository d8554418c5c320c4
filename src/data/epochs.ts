import { NonetError } from '../core/errors.js';
import { type Batch, createBatchMaker } from './batch-rows.js';
import { type Batcher, type BatcherOptions, createBatcher, requireCount, windowGrid } from './batches.js';
import { createPatchReader } from './patch-reader.js';
import { createWindowOrder } from './window-order.js';

export interface EpochOptions extends BatcherOptions {
  readonly epochs: number;
  /** Micro-batches of windows drawn at random that follow on those of every epoch. */
  readonly extraSteps: number;
  /** Micro-batches of one optimizer step. */
  readonly accumulation: number;
}

export interface EpochBatcher extends Batcher {
  /** Windows of an epoch. */
  readonly windows: number;
  /** Optimizer steps of all epochs: `epochs * ceil((micro-batches + extraSteps) / accumulation)`. */
  readonly steps: number;
}

/**
 * Batches that go through `store` window by window, in an order of its own each epoch: all of them shuffled, or as `order` says. Windows lie side by side, so that
 * every patch but the very first (and what is too short for a window at the end) is a target once per epoch. The last batch
 * of an epoch may have fewer rows, and the last optimizer step of an epoch fewer micro-batches.
 *
 * @throws NonetError `E_DATA` when the store is shorter than one window.
 */
export const createEpochBatcher = (options: EpochOptions): EpochBatcher => {
  const { store, bitsPerPatch, contextLength, batchSize, seed, epochs, extraSteps, accumulation } = options;
  const random = createBatcher(options);
  requireCount('epochs', epochs, 1);
  requireCount('extraSteps', extraSteps, 0);
  requireCount('accumulation', accumulation, 1);
  const reader = createPatchReader(store, options);

  const make = createBatchMaker(store, options, contextLength + 1);
  const { windows, stride, strideBytes } = windowGrid(reader, bitsPerPatch, contextLength);
  const order = createWindowOrder({ windows, strideBytes }, options.order, seed);
  const walked = Math.ceil(windows / batchSize);
  const microBatchesOfEpoch = walked + extraSteps;
  const stepsOfEpoch = Math.ceil(microBatchesOfEpoch / accumulation);

  const place = (step: number): { epoch: number; first: number } => {
    requireCount('step', step, 0);
    return { epoch: Math.floor(step / stepsOfEpoch), first: (step % stepsOfEpoch) * accumulation };
  };
  const microBatches = (step: number): number => Math.min(accumulation, microBatchesOfEpoch - place(step).first);

  return {
    starts: random.starts,
    windows,
    steps: epochs * stepsOfEpoch,
    microBatches,
    kind: random.kind,
    batch: (step, microBatch = 0): Batch => {
      const { epoch, first } = place(step);
      if (microBatch >= microBatches(step)) {
        throw new NonetError(
          'E_CONFIG',
          `step ${step} has ${microBatches(step)} micro-batches, not ${microBatch + 1}.`,
        );
      }
      const at = first + microBatch;
      if (at >= walked) return random.batch(step, microBatch);
      const rows = Math.min(batchSize, windows - at * batchSize);
      const start = (row: number): number => order.at(epoch, at * batchSize + row) * stride;
      return make(
        random.kind(step),
        Array.from({ length: rows }, (_, row) => start(row)),
      );
    },
  };
};
