import {
  abs,
  add,
  div,
  matmul,
  max,
  maximum,
  mul,
  pow,
  reshape,
  split,
  sqrt,
  square,
  stack,
  sub,
  sum,
  type Tensor,
} from '../tensor/index.js';
import { identity } from './matrices.js';

/** Added to the diagonal, over the Frobenius norm: f32 products cannot tell smaller eigenvalues from their own rounding. */
const ridge = 1e-6;

/** The least eigenvalue grows about 2.4-fold in each of the first 16, the rest converge quadratically. */
const iterations = 25;

/**
 * `(A + 1e-6 |A| I)^(-1/p)` of symmetric matrices [..., n, n] without negative eigenvalues, |A| being the Frobenius norm (at
 * least 1e-30) of each, by the coupled Newton iteration of Iannazzo 2006, which is made of products alone: with B the sum
 * in brackets, and z such that the eigenvalues of z B lie below (p + 1) / 2,
 *
 *     X = z^(1/p) I,  M = z B;      T = ((p + 1) I - M) / p,  X = X T,  M = T^p M      until M = I
 */
export const inverseRoot = (matrix: Tensor, p: number): Tensor => {
  const n = matrix.shape.at(-1)!;
  const one = identity(n, matrix.dtype);
  // Squares of what is small enough would be zero in float32, and the norm then less than the eigenvalues.
  const all = { axes: [-2, -1], keepDims: true } as const;
  const largest = maximum(max(abs(matrix), all), 1e-30);
  const norm = mul(largest, maximum(sqrt(sum(square(div(matrix, largest)), all)), 1));
  const scale = (p + 1) / (2 * (1 + ridge));
  let m = mul(add(div(matrix, norm), mul(one, ridge)), scale);
  let x = mul(one, pow(div(scale, norm), 1 / p));
  for (let i = 0; i < iterations; i++) {
    const t = mul(sub(mul(one, p + 1), m), 1 / p);
    x = matmul(x, t);
    m = matmul(power(t, p), m);
  }
  return x;
};

/** The same of several matrices: those of one size together, so that there is one iteration for all of them. */
export const inverseRoots = (matrices: readonly Tensor[], p: number): Tensor[] => {
  const roots: Tensor[] = [];
  for (const size of new Set(matrices.map(({ shape }) => shape[0]!))) {
    const places = matrices.flatMap(({ shape }, i) => (shape[0] === size ? [i] : []));
    const stacked = stack(places.map((i) => matrices[i]!));
    split(inverseRoot(stacked, p), places.length, 0).forEach((root, k) => {
      roots[places[k]!] = reshape(root, [size, size]);
    });
  }
  return roots;
};

const power = (matrix: Tensor, exponent: number): Tensor => {
  if (exponent === 1) return matrix;
  const root = power(matrix, exponent >> 1);
  const squared = matmul(root, root);
  return exponent % 2 === 0 ? squared : matmul(squared, matrix);
};
