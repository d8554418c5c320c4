import { constantArray, sqrt, square, sum, type Tensor } from '../tensor/index.js';

/** The root of the sum of squares (of a matrix: the Frobenius norm), a scalar. */
export const norm = (x: Tensor): Tensor => sqrt(sum(square(x)));

/** The matrix [n, n] of ones on the diagonal. */
export const identity = (n: number, dtype?: Tensor['dtype']): Tensor =>
  constantArray(
    Float64Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0)),
    [n, n],
    dtype,
  );
