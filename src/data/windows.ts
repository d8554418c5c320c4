import { NonetError } from '../core/errors.js';
import { requireCount, requireWindow } from './batches.js';
import type { ByteStore } from './byte-store.js';
import { createPatchReader, type PatchLayout, type PatchReader } from './patch-reader.js';

export interface EvaluationOptions extends PatchLayout {
  readonly store: ByteStore;
  /** Patches that the model sees at once. */
  readonly contextLength: number;
  /**
   * Bytes from one window's end to the next. Left out, windows do not overlap; smaller, every byte but those of the
   * first window is predicted with more bytes before it.
   */
  readonly stride?: number;
  /**
   * The whole data as one stream: each window begins with the patch behind the last input of the one before, and counts all
   * bits of its targets. In the order of the stream, with what is carried from window to window, nothing is cut.
   */
  readonly stream?: boolean;
  /** Takes data that does not fill one window (two bytes at least) instead of raising an error. */
  readonly allowShort?: boolean;
}

/** Some windows side by side. A row that stands for no window, and every patch past the data, has weight 0. */
export interface EvaluationBatch {
  /** `[rows, contextLength]` */
  readonly inputs: Int32Array;
  /** `[rows, contextLength]`: the inputs shifted by one. */
  readonly targets: Int32Array;
  /** `[rows, contextLength]`: 1 where some bit of the target counts, else 0. */
  readonly weights: Float32Array;
  /** `[rows, contextLength]`: the payload bits of the target that count, in the places they have in its value. */
  readonly payloadMasks: Int32Array;
  /** `[rows, contextLength]`: the same for parity bits; all 0 without parity. */
  readonly parityMasks: Int32Array;
  /** `[rows]`: where the first target patch starts, in bits from the start of the data; divide by the frame for bytes. */
  readonly firstTargetBits: Float64Array;
}

export interface EvaluationWindows {
  /** Windows in all. */
  readonly count: number;
  /** Bytes from one window's end to the next; not always whole where patches straddle bytes. */
  readonly stride: number;
  /** Payload bits that count over all windows: those of every byte but the first, which costs 8 bits by itself. */
  readonly payloadBits: number;
  /** Parity bits that count over all windows. */
  readonly parityBits: number;
  /** Windows `first` to `first + rows - 1`; rows past the last window are empty. */
  batch(first: number, rows: number): EvaluationBatch;
  /** All windows in order, `rows` at a time. */
  batches(rows: number): Generator<EvaluationBatch>;
}

/** What of the data a window shows and counts, in bits from the start of the data. */
interface Span {
  /** The first input; negative where the first window is filled up with zeros. */
  readonly start: number;
  readonly countedFrom: number;
  readonly countedTo: number;
}

/**
 * Windows over which every bit of every byte but the first is a target that counts exactly once.
 *
 * A window's first inputs are the byte before the first byte that it predicts, so a model sees bytes in the places it
 * was trained on: where a byte is a whole number of patches a window starts at a byte, and counts whole bytes. With
 * patches of one byte a context of C patches thus counts C bytes; with r patches to a byte, (C + 1) / r - 1.
 *
 * @throws NonetError `E_DATA` when the data is shorter than one window, `E_CONFIG` when the context holds no byte after
 * the first, or the stride is longer than a window.
 */
export function evaluationWindows(options: EvaluationOptions): EvaluationWindows {
  const { store, bitsPerPatch, contextLength, stream = false, allowShort = false } = options;
  requireCount('contextLength', contextLength, 1);
  const reader = createPatchReader(store, options);
  const { frameBits, totalBits } = reader;
  if (!allowShort) requireWindow(reader, bitsPerPatch, contextLength, 'validation');
  if (store.length < 2) throw new NonetError('E_DATA', `${store.length} bytes cannot be evaluated: two are needed.`);

  // Patches that show the byte before; the last of them stands right before the first target that counts.
  const leading = Math.ceil(frameBits / bitsPerPatch);
  const countedBits = countedPerWindow(contextLength - leading + 1, bitsPerPatch, reader);
  if (countedBits <= 0) {
    const message = `a context of ${contextLength} patches of ${bitsPerPatch} bits holds no byte after the first one.`;
    throw new NonetError('E_CONFIG', `${message} Raise model.contextLength.`, { contextLength, bitsPerPatch });
  }
  const strideBits =
    options.stride === undefined
      ? stream
        ? contextLength * bitsPerPatch
        : countedBits
      : strideInBits(options.stride, frameBits, countedBits);
  // Where a window ends in the middle of a byte its stream goes on from there; else its last patches may count nothing.
  const firstEnd = stream ? frameBits + (contextLength - leading + 1) * bitsPerPatch : frameBits + countedBits;
  const count = 1 + Math.max(0, Math.ceil((totalBits - firstEnd) / strideBits));

  const spanOf = (window: number): Span => {
    const end = firstEnd + window * strideBits;
    return {
      start: frameBits - leading * bitsPerPatch + window * strideBits,
      countedFrom: window === 0 ? frameBits : end - strideBits,
      countedTo: Math.min(end, totalBits),
    };
  };

  const batch = (first: number, rows: number): EvaluationBatch => {
    const result = emptyBatch(rows, contextLength);
    const patches = new Int32Array(contextLength + 1);
    for (let row = 0; row < rows && first + row < count; row++) {
      const span = spanOf(first + row);
      reader.read(span.start, contextLength + 1, patches, 0);
      result.inputs.set(patches.subarray(0, contextLength), row * contextLength);
      result.targets.set(patches.subarray(1), row * contextLength);
      result.firstTargetBits[row] = span.start + bitsPerPatch;
      markCounted(result, row * contextLength, span, bitsPerPatch, frameBits);
    }
    return result;
  };

  return {
    count,
    stride: strideBits / frameBits,
    payloadBits: (store.length - 1) * 8,
    parityBits: options.parity ? store.length - 1 : 0,
    batch,
    *batches(rows) {
      requireCount('rows', rows, 1);
      for (let first = 0; first < count; first += rows) yield batch(first, rows);
    },
  };
}

/** Bits that one window counts, given the target patches that follow the byte before. */
function countedPerWindow(patches: number, bitsPerPatch: number, { aligned, frameBits }: PatchReader): number {
  const bits = patches * bitsPerPatch;
  return aligned ? Math.floor(bits / frameBits) * frameBits : bits;
}

function strideInBits(stride: number, frameBits: number, countedBits: number): number {
  const longest = Math.floor(countedBits / frameBits);
  if (Number.isInteger(stride) && stride >= 1 && stride <= longest) return stride * frameBits;
  const message = `the stride is ${stride} bytes: an integer from 1 to ${longest}, the bytes of a window, is expected.`;
  throw new NonetError('E_CONFIG', message, { stride, longest });
}

function emptyBatch(rows: number, contextLength: number): EvaluationBatch {
  const size = rows * contextLength;
  return {
    inputs: new Int32Array(size),
    targets: new Int32Array(size),
    weights: new Float32Array(size),
    payloadMasks: new Int32Array(size),
    parityMasks: new Int32Array(size),
    firstTargetBits: new Float64Array(rows),
  };
}

/** Sets the weights and masks of the window whose targets start at `offset` of the arrays. */
function markCounted(
  { weights, payloadMasks, parityMasks }: EvaluationBatch,
  offset: number,
  { start, countedFrom, countedTo }: Span,
  bitsPerPatch: number,
  frameBits: number,
): void {
  for (let bit = countedFrom; bit < countedTo; bit++) {
    const patch = Math.floor((bit - start) / bitsPerPatch);
    const place = 1 << (bitsPerPatch - 1 - (bit - start - patch * bitsPerPatch));
    const at = offset + patch - 1;
    const masks = bit % frameBits < 8 ? payloadMasks : parityMasks;
    masks[at] = masks[at]! | place;
    weights[at] = 1;
  }
}

/**
 * Masks spread to one weight per bit, in the order the bits are predicted (most significant first).
 *
 * @param masks `[patches]`
 * @returns `[patches, bitsPerPatch]`, 1 where the bit counts, else 0
 */
export function bitWeights(masks: Int32Array, bitsPerPatch: number): Float32Array {
  const weights = new Float32Array(masks.length * bitsPerPatch);
  for (let patch = 0; patch < masks.length; patch++) {
    for (let bit = 0; bit < bitsPerPatch; bit++) {
      weights[patch * bitsPerPatch + bit] = (masks[patch]! >> (bitsPerPatch - 1 - bit)) & 1;
    }
  }
  return weights;
}
