import { NonetError } from '../core/errors.js';
import { randomInteger, seedKey } from '../core/random.js';
import { type Batch, createBatchMaker } from './batch-rows.js';
import type { ByteStore } from './byte-store.js';
import { type BatchKind, batchKind, type CompressionRamp } from './compression.js';
import { createPatchReader, type PatchLayout, type PatchReader } from './patch-reader.js';
import { createWindowOrder, type DataOrder, type WindowGrid } from './window-order.js';

export interface BatcherOptions extends PatchLayout {
  readonly store: ByteStore;
  /** Patches that the model sees at once. */
  readonly contextLength: number;
  readonly batchSize: number;
  /** Parts of a step, 1 unless told. */
  readonly accumulation?: number;
  /** An integer from 0 to 2^53 - 1. */
  readonly seed: number;
  /** Makes some batches compressed or direct; without it all are plain. */
  readonly compression?: CompressionRamp;
  /** Reads the data region by region; without it windows come from all of it. */
  readonly order?: DataOrder;
}

export interface Batcher {
  /** Places where a window can start. */
  readonly starts: number;
  /** Parts that the step is made of when gradients are accumulated; the accumulation asked for, or fewer at an epoch's end. */
  microBatches(step: number): number;
  /** What the batches of a step are made of; windows begin at the same places whatever it is. */
  kind(step: number): BatchKind;
  /** The batch of a step, and of one of its parts when gradients are accumulated: a pure function of its arguments. */
  batch(step: number, microBatch?: number): Batch;
}

/** Sets the draws of window starts apart from every other use of the seed. */
const STREAM = 0x64617461;

/**
 * Batches of windows drawn at random, with replacement, from all of `store`. Where a byte is a whole number of patches
 * windows start at bytes, else at any bit. With an order that shuffles less than all of the data the draws walk over it:
 * from each group of its order come as many windows as lie in it side by side, beginning anywhere in those.
 *
 * @throws NonetError `E_DATA` when the store is shorter than one window.
 *
 * @example
 * const { patches } = createBatcher({ store, bitsPerPatch: 8, parity: false, contextLength: 64, batchSize: 12, seed: 1 }).batch(0);
 */
export function createBatcher(options: BatcherOptions): Batcher {
  const { store, bitsPerPatch, contextLength, batchSize, seed, accumulation = 1 } = options;
  requireCount('contextLength', contextLength, 1);
  requireCount('batchSize', batchSize, 1);
  requireCount('seed', seed, 0);
  const reader = createPatchReader(store, options);
  requireWindow(reader, bitsPerPatch, contextLength, 'training');

  const length = contextLength + 1;
  const make = createBatchMaker(store, options, length);
  const kind = (step: number): BatchKind => batchKind(options.compression, seed, step);
  const { unit, stride, windows, starts, strideBytes } = windowGrid(reader, bitsPerPatch, contextLength);
  const order = createWindowOrder({ windows, strideBytes }, options.order, seed);
  const walks = order.groupSize < windows;

  return {
    starts,
    microBatches: () => accumulation,
    kind,
    batch(step, microBatch = 0) {
      requireCount('step', step, 0);
      requireCount('microBatch', microBatch, 0);
      const [key0, key1] = seedKey(seed, STREAM, step, microBatch);
      const draw = (row: number, bound: number): number => randomInteger(key0, key1, row, bound);
      const before = (step * accumulation + microBatch) * batchSize;
      const startInGroup = (row: number): number => {
        const epoch = Math.floor((before + row) / windows);
        const place = (before + row) % windows;
        const first = place - (place % order.groupSize);
        const inGroup = draw(2 * row, Math.min(order.groupSize, windows - first));
        const window = order.unshuffled(epoch, first + inGroup) * (stride / unit);
        return (window + draw(2 * row + 1, Math.min(stride / unit, starts - window))) * unit;
      };
      const start = walks ? startInGroup : (row: number): number => draw(row, starts) * unit;
      return make(
        kind(step),
        Array.from({ length: batchSize }, (_, row) => start(row)),
      );
    },
  };
}

/** Where windows can start, and those that lie side by side, in bits. */
export interface BitGrid extends WindowGrid {
  /** Windows start at multiples of it: at bytes where those are whole numbers of patches. */
  readonly unit: number;
  /** From one window to the next. A context that ends inside of a byte overlaps the next one. */
  readonly stride: number;
  /** Places where a window can start. */
  readonly starts: number;
}

export function windowGrid(reader: PatchReader, bitsPerPatch: number, contextLength: number): BitGrid {
  const unit = reader.aligned ? reader.frameBits : 1;
  const stride = Math.max(unit, Math.floor((contextLength * bitsPerPatch) / unit) * unit);
  const room = reader.totalBits - (contextLength + 1) * bitsPerPatch;
  return {
    ...{ unit, stride, strideBytes: stride / reader.frameBits },
    windows: Math.floor(room / stride) + 1,
    starts: Math.floor(room / unit) + 1,
  };
}

/**
 * Makes sure that at least one window, the context and the patch after it, fits into the data.
 * @param part what the data is called in the message: `training`, `validation`.
 */
export function requireWindow(reader: PatchReader, bitsPerPatch: number, contextLength: number, part: string): void {
  const needed = Math.ceil(((contextLength + 1) * bitsPerPatch) / reader.frameBits);
  const bytes = reader.totalBits / reader.frameBits;
  if (bytes >= needed) return;
  const message =
    `the ${part} data has ${bytes} bytes, shorter than one window of ${needed} bytes (a context of ${contextLength} ` +
    `patches of ${bitsPerPatch} bits and the patch after it): give more data or reduce model.contextLength.`;
  throw new NonetError('E_DATA', message, { bytes, needed, part });
}

export function requireCount(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new NonetError('E_CONFIG', `${name} is ${value}: an integer of at least ${least} is expected.`, {
    name,
    value,
  });
}
