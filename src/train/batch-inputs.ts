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

/** The inputs of a batch. One program serves all kinds: what a batch does not have stays empty, and only what it has is moved. */
export const batchInputs = (batch: Batch, form: BatchForm): BatchInputs<HostArray> => {
  const { patches, code, starts } = batchTypes(batch.rows, form);
  if (!code || !starts) return stackedInputs([batch], form);
  return {
    patches: boundedArray(batch.patches, patches.shape),
    code: boundedArray(batch.code, code.shape),
    starts: boundedArray(batch.starts, starts.shape),
  };
};

/** The inputs of plain batches with as many rows: of one, or of several, one after the other. */
export const stackedInputs = (
  batches: readonly Batch[],
  { patches: length, stream }: BatchForm,
): BatchInputs<HostArray> => {
  const [{ rows }] = batches as readonly [Batch];
  const times = batches.length > 1 ? [batches.length] : [];
  const patches = new Int32Array(batches.length * rows * length);
  batches.forEach((batch, i) => patches.set(batch.patches, i * rows * length));
  const positions = batches.flatMap(({ position }) => new Array<number>(rows).fill(position!));
  return {
    patches: hostArray(patches, [...times, rows, length]),
    ...(stream && { position: hostArray(Int32Array.from(positions), [...times, rows]) }),
  };
};

/** The patches of a batch, decoded where it has come compressed. No run is empty: an empty first one is no code. */
export const patchesOf = ({ patches, code, starts }: BatchInputs<Tensor>, bitsPerPatch: number): Tensor => {
  if (!code || !starts) return patches;
  const firstRun = cast(reshape(slice(code, { axis: 0, start: 1, end: 2 }), []), 'i32');
  const decoded = () => [decodeRunLength(code, starts, patches.shape[1]!, bitsPerPatch)];
  return unless(equal(firstRun, 0), [patches], decoded)[0]!;
};
