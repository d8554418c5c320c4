import {
  add,
  bitAnd,
  constantArray,
  expandDims,
  gather,
  iota,
  less,
  lessEqual,
  minimum,
  reshape,
  select,
  sub,
  type Tensor,
  type TensorType,
  updateRows,
} from '../../tensor/index.js';

/*
 * Rows of the last positions, [B, R, width] with R a power of two: position p lies in row p mod R. What is written ahead of a
 * text's end is overwritten when the text gets there, as in a key/value cache, as long as it is at most `ahead` positions ahead.
 */

/** Positions beyond the end of a text that a call may write. */
const ahead = 64;

/** A ring for layers that see `reach` positions before their own. */
export const ringType = (batch: number, reach: number, width: number): TensorType => ({
  shape: [batch, 2 ** Math.ceil(Math.log2(reach + 2 * ahead)), width],
  dtype: 'f32',
});

/** The ring with rows x [B, n, width] of the positions from `position` (i32 [B]) on; n is at most 64. */
export const writeRing = (ring: Tensor, x: Tensor, position: Tensor): Tensor => {
  const [batch, size, width] = ring.shape as readonly [number, number, number];
  const count = x.shape[1]!;
  if (count === 1) return updateRows(ring, x, bitAnd(position, size - 1));
  // Which of the new rows comes to lie in each row of the ring.
  const from = bitAnd(sub(reshape(iota(size), [1, size]), expandDims(position, -1)), size - 1); // [B, R]
  const index = add(rowStarts(batch, count), minimum(from, count - 1));
  const rows = gather(reshape(x, [batch * count, width]), index); // [B, R, width]
  return select(expandDims(less(from, count), -1), rows, ring);
};

/** The rows of positions i32 [B, ...] in a ring, [B, ..., width]; zeros for those before position 0. */
export const readRing = (ring: Tensor, positions: Tensor): Tensor => {
  const [batch, size, width] = ring.shape as readonly [number, number, number];
  const starts = reshape(rowStarts(batch, size), [batch, ...positions.shape.slice(1).map(() => 1)]);
  const rows = gather(reshape(ring, [batch * size, width]), add(starts, bitAnd(positions, size - 1)));
  return select(expandDims(lessEqual(0, positions), -1), rows, 0);
};

/** Where each of `batch` runs of `size` rows begins: i32 [batch, 1]. */
const rowStarts = (batch: number, size: number): Tensor =>
  constantArray(
    Array.from({ length: batch }, (_, b) => b * size),
    [batch, 1],
    'i32',
  );
