import type { Node, Tensor } from '../../tensor/graph.js';
import { elementCount } from '../../tensor/types.js';
import type { Builder } from './builder.js';
import { type Instruction, type Place, placeOf } from './instruction.js';
import { collapse, isContiguous, type View } from './storage.js';

/** From this many rows on, a shared right-hand matrix is packed into panels first. */
export const packFromRows = 32;

/** A matrix operand: `transposed` when its columns are contiguous instead of its rows. */
export interface Matrix {
  readonly place: Place;
  readonly leading: number;
  readonly transposed: boolean;
}

/** Packed weights by the tensor, its arrangement and the conditional block they were packed in. */
type Packs = Map<string, Place>;
const packsOf = new WeakMap<Builder, Packs>();

/** C = A B over the last two dimensions; transposes of operands are strides, so none is copied for them. */
export const lowerMatmul = (builder: Builder, node: Node): Instruction => {
  const [a, b] = node.inputs as [Tensor, Tensor];
  const c = node.outputs[0]!;
  const { transposeA = false, transposeB = false } = node.attributes as { transposeA?: boolean; transposeB?: boolean };
  return b.shape.length === 2
    ? lowerShared(builder, node, a, b, c, transposeA, transposeB)
    : lowerBatched(builder, node, a, b, c, transposeA, transposeB);
};

/** One matrix B for all of A's leading dimensions: a single product over A's rows. */
const lowerShared = (
  builder: Builder,
  node: Node,
  a: Tensor,
  b: Tensor,
  c: Tensor,
  transposeA: boolean,
  transposeB: boolean,
): Instruction => {
  const n = c.shape[c.shape.length - 1]!;
  const k = b.shape[transposeB ? 1 : 0]!;
  const m = elementCount(c.shape) / Math.max(1, n);
  const left =
    transposeA && a.shape.length === 2
      ? matrix(builder, a, true)
      : rowsMatrix(builder, transposeA ? copyTransposed(builder, a, node) : builder.view(a), a, k);
  const right = matrix(builder, b, transposeB);
  const wished = builder.placementOf(c);
  const strided = wished && elementCount(c.shape) > 0 && rowStride(wished) !== undefined;
  const out = builder.output(c, { strided: !!strided });
  const ldc = rowStride(out) ?? n;
  const half = a.dtype === 'bf16';
  const packed =
    !half && !left.transposed && m >= packFromRows ? packWeights(builder, b, right, k, n, node) : undefined;
  const { extent } = node;
  const shape = { m, n, k, ldc, batch: [1, 1, 0, 0, 0, 0, 0, 0], unit: extent ? m / (c.shape[0] ?? 1) : 0 };
  const last = extent ? placeOf(builder.contiguous(extent)) : null;
  if (packed) {
    const weights = { place: packed, leading: n, transposed: false };
    return emitProduct(builder, node, [left, weights, placeOf(out), last], { ...shape, packed: true });
  }
  return emitProduct(builder, node, [left, right, placeOf(out), last], shape);
};

interface ProductShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly ldc: number;
  /** Two sizes, then a pair of strides for each of A, B and C. */
  readonly batch: readonly number[];
  /** Rows of C per unit of the extent; 0 without one. */
  readonly unit: number;
  readonly packed?: boolean;
}

/** Products of bf16 operands have a kernel of their own: neither packed beforehand nor with a row program attached. */
const emitProduct = (
  builder: Builder,
  node: Node,
  [A, B, out, extent]: readonly [Matrix, Matrix, Place, Place | null],
  { m, n, k, ldc, batch, unit, packed = false }: ProductShape,
): Instruction => {
  const operands = [A.place, B.place, out, extent];
  const sides = [m, n, k, A.leading, A.transposed ? 1 : 0, B.leading, B.transposed ? 1 : 0];
  return node.inputs[0]!.dtype === 'bf16'
    ? builder.emit('gemmBf16', operands, [...sides, ldc, ...batch, unit], [node])
    : builder.emit('gemm', operands, [...sides, packed ? 1 : 0, ldc, 0, ...batch, unit, 0], [node]);
};

/** A matrix B in panels, packed once for all products with it. With `taps` it is that many, read from the last one back. */
export const packWeights = (
  builder: Builder,
  b: Tensor,
  right: Matrix,
  k: number,
  n: number,
  node: Node,
  taps = 1,
): Place => {
  const packs: Packs = packsOf.get(builder) ?? new Map();
  packsOf.set(builder, packs);
  const { buffer, offset } = right.place;
  const key = [
    builder.buffers.indexOf(buffer),
    buffer.segment,
    buffer.offset,
    offset,
    right.leading,
    right.transposed,
    k,
    n,
    taps,
    b.node.id,
    builder.block,
    // What is computed again packs again: the first pack would have to be kept until then.
    node.fence,
  ].join(':');
  const known = packs.get(key);
  if (known) return known;
  const place = { buffer: builder.newBuffer(builder.target.packedBytes(k, n)), offset: 0 };
  builder.emit('packWeights', [right.place, place], [k, n, right.leading, right.transposed ? 1 : 0, taps], [node]);
  packs.set(key, place);
  return place;
};

/** The last two dimensions as a matrix; `transposed` as the op sees it, flipped when the memory lies the other way. */
const matrix = (builder: Builder, tensor: Tensor, transposed: boolean): Matrix => {
  const view = builder.view(tensor);
  const found = matrixOf(view, transposed) ?? matrixOf(builder.contiguous(tensor), transposed)!;
  return found;
};

const matrixOf = (view: View, transposed: boolean): Matrix | undefined => {
  const rank = view.shape.length;
  const [rows, columns] = [view.shape[rank - 2]!, view.shape[rank - 1]!];
  const [down, across] = [view.strides[rank - 2]!, view.strides[rank - 1]!];
  if (across === 1 || columns === 1) {
    const leading = rows === 1 ? Math.max(columns, 1) : down;
    if (leading >= columns) return { place: placeOf(view), leading, transposed };
  }
  if (down === 1 || rows === 1) {
    const leading = columns === 1 ? Math.max(rows, 1) : across;
    if (leading >= rows) return { place: placeOf(view), leading, transposed: !transposed };
  }
  return undefined;
};

/** A with all leading dimensions as rows. */
const rowsMatrix = (builder: Builder, view: View, a: Tensor, k: number): Matrix => {
  if (view.shape.length === 2)
    return matrixOf(view, false) ?? { place: placeOf(builder.contiguous(a)), leading: k, transposed: false };
  const stride = rowStride(view);
  if (stride !== undefined) return { place: placeOf(view), leading: stride, transposed: false };
  return { place: placeOf(builder.contiguous(a)), leading: k, transposed: false };
};

/** Elements between rows when the last dimension is dense and all leading ones step evenly; else undefined. */
const rowStride = (view: View): number | undefined => {
  const columns = view.shape[view.shape.length - 1] ?? 1;
  if (columns !== 1 && view.strides[view.strides.length - 1] !== 1) return undefined;
  const rows = collapse(view.shape.slice(0, -1), view.strides.slice(0, -1));
  if (rows.sizes.length === 0) return Math.max(1, columns);
  const stride = rows.strides[0]![0]!;
  return rows.sizes.length === 1 && stride >= columns ? stride : undefined;
};

/** A batch of transposed matrices against one shared B has no single stride: lay it out as rows. */
const copyTransposed = (builder: Builder, a: Tensor, node: Node): View => {
  const view = builder.view(a);
  const rank = view.shape.length;
  const swap = <T>(list: readonly T[]): T[] => [...list.slice(0, rank - 2), list[rank - 1]!, list[rank - 2]!];
  const swapped: View = { ...view, shape: swap(view.shape), strides: swap(view.strides) };
  const copy = builder.newContiguous(view.dtype, swapped.shape);
  builder.copy(swapped, copy, [node]);
  return copy;
};

const lowerBatched = (
  builder: Builder,
  node: Node,
  a: Tensor,
  b: Tensor,
  c: Tensor,
  transposeA: boolean,
  transposeB: boolean,
): Instruction => {
  const rank = c.shape.length;
  const [m, n] = [c.shape[rank - 2]!, c.shape[rank - 1]!];
  const k = b.shape[transposeB ? rank - 1 : rank - 2]!;
  const out = builder.output(c);
  let [left, right] = [builder.view(a), builder.view(b)];
  if (!matrixOf(left, transposeA)) left = builder.contiguous(a);
  if (!matrixOf(right, transposeB)) right = builder.contiguous(b);
  const lead = (view: View): readonly number[] => view.strides.slice(0, rank - 2);
  let batch = collapse(c.shape.slice(0, rank - 2), lead(left), lead(right), lead(out));
  if (batch.sizes.length > 2) {
    [left, right] = [builder.contiguous(a), builder.contiguous(b)];
    batch = collapse(c.shape.slice(0, rank - 2), lead(left), lead(right), lead(out));
  }
  const sizes = [...new Array<number>(2 - batch.sizes.length).fill(1), ...batch.sizes];
  const strides = batch.strides.map((list) => [...new Array<number>(2 - list.length).fill(0), ...list]);
  const [A, B] = [matrixOf(left, transposeA)!, matrixOf(right, transposeB)!];
  if (!isContiguous(out)) throw new Error('batched products are written without gaps');
  const steps = strides.flat();
  return emitProduct(builder, node, [A, B, placeOf(out), null], {
    m,
    n,
    k,
    ldc: n,
    batch: [...sizes, ...steps],
    unit: 0,
  });
};
