import { concat, matmul, reshape, type Shape, slice, type Tensor, transpose } from '../tensor/index.js';

/** A part of a tensor: where it begins along each axis, and its sizes. */
export interface Block {
  readonly starts: readonly number[];
  readonly shape: Shape;
}

/** A tensor cut into blocks of at most `size` along each axis, in row-major order. */
export const blocksOf = (shape: Shape, size: number): Block[] => {
  const [first, ...rest] = shape;
  if (first === undefined) return [{ starts: [], shape: [] }];
  const inner = blocksOf(rest, size);
  return Array.from({ length: Math.ceil(first / size) }, (_, i) => i * size).flatMap((start) =>
    inner.map((block) => ({
      starts: [start, ...block.starts],
      shape: [Math.min(size, first - start), ...block.shape],
    })),
  );
};

export const takeBlock = (x: Tensor, { starts, shape }: Block): Tensor =>
  starts.reduce((part, start, axis) => slice(part, { axis, start, end: start + shape[axis]! }), x);

/** The tensor of that shape again, of all its blocks in their order. */
export const joinBlocks = (parts: readonly Tensor[], shape: Shape, size: number, axis = 0): Tensor => {
  if (axis === shape.length) return parts[0]!;
  const count = Math.ceil(shape[axis]! / size);
  const each = parts.length / count;
  const rows = Array.from({ length: count }, (_, i) =>
    joinBlocks(parts.slice(i * each, (i + 1) * each), shape, size, axis + 1),
  );
  return concat(rows, axis);
};

/** One axis first, the others behind it as one: [size of the axis, rest]. */
export const unfolded = (x: Tensor, axis: number): Tensor =>
  reshape(transpose(x, axisFirst(x.shape.length, axis)), [x.shape[axis]!, -1]);

/** What a matrix, or its transpose, makes of an axis: `sum_j matrix[i, j] x[.. j ..]`. */
export const alongAxis = (matrix: Tensor, x: Tensor, axis: number, { transposed = false } = {}): Tensor => {
  const order = axisFirst(x.shape.length, axis);
  const product = reshape(
    matmul(matrix, unfolded(x, axis), { transposeA: transposed }),
    order.map((from) => x.shape[from]!),
  );
  return transpose(
    product,
    order.map((_, to) => order.indexOf(to)),
  );
};

const axisFirst = (rank: number, axis: number): number[] => [
  axis,
  ...Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis),
];
