import { compressedRows, patchesToBits, runLengthEncode } from '../codec/index.js';
import type { ByteStore } from './byte-store.js';
import type { BatchKind } from './compression.js';
import { createDirectReader } from './direct-row.js';
import { createPatchReader, type PatchLayout } from './patch-reader.js';

/** Rows for one call of the core. */
export interface Batch {
  readonly kind: BatchKind;
  /** `batchSize`, or fewer at the end of an epoch. */
  readonly rows: number;
  /** `[rows, contextLength + 1]`: all but the last are inputs, all but the first the targets. Empty when compressed. */
  readonly patches: Int32Array;
  /** The run-length code of all rows when compressed, else empty. */
  readonly code: Uint8Array;
  /** `[rows]`: the byte at which the code of each row begins, when compressed; else empty. */
  readonly starts: Int32Array;
  /** Patches before the windows in their streams, where rows are streams. */
  readonly position?: number;
}

/** Bytes that a batch takes to the core. */
export const batchBytes = ({ patches, code, starts }: Batch): number =>
  patches.byteLength + code.byteLength + starts.byteLength;

/** Makes batches of windows of `length` patches that begin at certain bits of `store`. */
export const createBatchMaker = (store: ByteStore, layout: PatchLayout, length: number) => {
  const { bitsPerPatch } = layout;
  const reader = createPatchReader(store, layout);
  const direct = createDirectReader(store, layout);

  return (kind: BatchKind, bitOffsets: readonly number[]): Batch => {
    const rows = bitOffsets.length;
    const patches = new Int32Array(rows * length);
    const source = kind === 'direct' ? direct : reader;
    bitOffsets.forEach((offset, row) => source.read(offset, length, patches, row * length));
    if (kind !== 'compressed') return { kind, rows, patches, code: new Uint8Array(), starts: new Int32Array() };
    const bits = patchesToBits(patches, bitsPerPatch);
    const perRow = length * bitsPerPatch;
    const codes = bitOffsets.map((_, row) => runLengthEncode(bits.subarray(row * perRow, (row + 1) * perRow)));
    return { kind, rows, patches: new Int32Array(), ...compressedRows(codes, perRow) };
  };
};
