import type { Tensor } from '../graph.js';
import { elementCount, type ReferenceArray, type TensorType } from '../types.js';
import { checkDType, type NoAttributes, type One, primitive, referenceZeros, single } from './define.js';
import { atAxis } from './mapped.js';

export const orthonormalOp = primitive<NoAttributes>({
  name: 'orthonormal',
  summary: 'Q of the QR decomposition of matrices [..., N, M], M <= N, for the R whose diagonal is not negative.',
  operands: ['x'],
  kind: 'kernel',
  infer: (inputs, _, fail) => {
    const [x] = inputs as One<TensorType>;
    checkDType(x, ['f32'], 'x', fail);
    const [rows, columns] = x.shape.slice(-2);
    if (x.shape.length < 2 || columns! > rows!) fail('expected matrices [..., N, M] with M <= N');
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  evaluate: (inputs, _, [output]) => {
    const [x] = inputs as One<ReferenceArray>;
    const [rows, columns] = x.shape.slice(-2) as [number, number];
    const out = referenceZeros(output!);
    for (let start = 0; start < out.data.length; start += rows * columns) {
      const matrix = x.data.subarray(start, start + rows * columns);
      orthonormalColumns(matrix, rows, columns).forEach((column, j) => {
        column.forEach((value, i) => {
          out.data[start + i * columns + j] = value;
        });
      });
    }
    return [out];
  },
  batch: ([x], _, examples) => {
    // More matrices of one call.
    return [{ tensor: orthonormal(atAxis(x!, 0, examples)), axis: 0 }];
  },
  cost: (inputs, outputs) => {
    const [rows, columns] = inputs[0]!.shape.slice(-2) as [number, number];
    // Reflections of the columns behind, and of those of Q.
    const flops = (elementCount(inputs[0]!.shape) / (rows * columns)) * 4 * columns ** 2 * (rows - columns / 3);
    return { flops, bytes: 4 * (elementCount(inputs[0]!.shape) + elementCount(outputs[0]!.shape)) };
  },
});

/**
 * Orthonormal columns such that the first k of them span the first k columns of `x` (f32 [..., N, M], M <= N), each on the
 * side of its own: the Q of the QR decomposition, by Householder's reflections in float64. Columns that depend on the ones
 * before them give some that are orthonormal to all others. It has no gradient.
 */
export const orthonormal = (x: Tensor): Tensor => single(orthonormalOp, [x], {});

/** The columns of Q of one matrix in row-major order. */
const orthonormalColumns = (matrix: ArrayLike<number>, rows: number, columns: number): Float64Array[] => {
  const dot = (a: Float64Array, b: Float64Array, from: number): number => {
    let total = 0;
    for (let i = from; i < rows; i++) total += a[i]! * b[i]!;
    return total;
  };
  const reflect = (x: Float64Array, v: Float64Array, from: number): void => {
    const square = dot(v, v, from);
    if (square === 0) return;
    const factor = (2 * dot(v, x, from)) / square;
    for (let i = from; i < rows; i++) x[i]! -= factor * v[i]!;
  };
  const column = (at: (i: number) => number): Float64Array => Float64Array.from({ length: rows }, (_, i) => at(i));
  // Each column becomes the vector of its reflection, which takes it to the axis of its number.
  const vectors = Array.from({ length: columns }, (_, j) => column((i) => matrix[i * columns + j]!));
  const signs = vectors.map((v, k) => {
    const length = Math.sqrt(dot(v, v, k));
    const isFlipped = v[k]! >= 0;
    v[k]! += isFlipped ? length : -length;
    for (const other of vectors.slice(k + 1)) reflect(other, v, k);
    return isFlipped && length > 0 ? -1 : 1;
  });
  const q = vectors.map((_, j) => column((i) => (i === j ? signs[j]! : 0)));
  for (let k = columns - 1; k >= 0; k--) for (const x of q.slice(k)) reflect(x, vectors[k]!, k);
  return q;
};
