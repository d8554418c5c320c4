import { boundedArray, type HostArray, hostArray } from '../compile/host-array.js';
import type { Batch } from '../data/index.js';
import { cast, decodeRunLength, equal, reshape, slice, type Tensor, type TensorType, unless } from '../tensor/index.js';

/** The batch among the inputs of a step. `code` and `starts` are there where batches may be compressed. */
export interface BatchInputs<Leaf> {
  /** i32 [rows, contextLength + 1] */
  readonly patches: Leaf;
  /** u8, 2 bytes for each bit of the rows: what run-length code takes at most. */
  readonly code?: Leaf;
  /** i32 [rows] */
  readonly starts?: Leaf;
  /** i32 [rows]: patches before the windows in their streams, where rows are streams. */
  readonly position?: Leaf;
}

export interface BatchForm {
  /** Of a row. */
  readonly patches: number;
  readonly bitsPerPatch: number;
  readonly compression: boolean;
  readonly stream: boolean;
}

/** The types of the inputs. */
export const batchTypes = (
  rows: number,
  { patches, bitsPerPatch, compression, stream }: BatchForm,
): BatchInputs<TensorType> => ({
  patches: { shape: [rows, patches], dtype: 'i32' },
  ...(compression && {
    code: { shape: [2 * rows * patches * bitsPerPatch], dtype: 'u8' },
    starts: { shape: [rows], dtype: 'i32' },
  }),
  ...(stream && { position: { shape: [rows], dtype: 'i32' } }),
});

/**
 * The inputs of a batch, or of several with as many rows, one after the other. Where batches may be compressed one program
 * serves all kinds: what a batch does not have stays empty, and only what it has is moved; such ones go one at a time.
 */
export const batchInputs = (batches: readonly Batch[], form: BatchForm): BatchInputs<HostArray> => {
  const [first] = batches as readonly [Batch];
  const { patches, code, starts, position } = batchTypes(first.rows, form);
  if (code && starts) {
    return {
      patches: boundedArray(first.patches, patches.shape),
      code: boundedArray(first.code, code.shape),
      starts: boundedArray(first.starts, starts.shape),
    };
  }
  const times = batches.length > 1 ? [batches.length] : [];
  const places = () => batches.flatMap((batch) => new Array<number>(batch.rows).fill(batch.position!));
  return {
    patches: hostArray(patchesBehind(batches), [...times, ...patches.shape]),
    ...(position && { position: hostArray(Int32Array.from(places()), [...times, ...position.shape]) }),
  };
};

/** Those of a single batch are taken as they are. */
const patchesBehind = (batches: readonly Batch[]): Int32Array => {
  const [{ patches: own }] = batches as readonly [Batch];
  if (batches.length === 1) return own;
  const all = new Int32Array(batches.length * own.length);
  batches.forEach(({ patches }, i) => all.set(patches, i * own.length));
  return all;
};

/** The patches of a batch, decoded where it has come compressed. No run is empty: an empty first one is no code. */
export const patchesOf = ({ patches, code, starts }: BatchInputs<Tensor>, bitsPerPatch: number): Tensor => {
  if (!code || !starts) return patches;
  const firstRun = cast(reshape(slice(code, { axis: 0, start: 1, end: 2 }), []), 'i32');
  const decoded = () => [decodeRunLength(code, starts, patches.shape[1]!, bitsPerPatch)];
  return unless(equal(firstRun, 0), [patches], decoded)[0]!;
};
