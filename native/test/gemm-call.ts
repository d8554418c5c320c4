import type { Word } from './assemble.js';

/** Parameters of a matrix product; what is left out is plain, whole and unbatched. */
export interface Gemm {
  m: number;
  n: number;
  k: number;
  lda?: number;
  transA?: boolean;
  ldb?: number;
  transB?: boolean;
  packed?: boolean;
  ldc?: number;
  accumulate?: boolean;
  batch?: [number, number];
  strides?: [number, number, number, number, number, number];
  extentUnit?: number;
  attached?: boolean;
}

export const gemmParams = (g: Gemm): Word[] => [
  g.m,
  g.n,
  g.k,
  g.lda ?? (g.transA ? g.m : g.k),
  g.transA ? 1 : 0,
  g.ldb ?? (g.transB ? g.k : g.n),
  g.transB ? 1 : 0,
  g.packed ? 1 : 0,
  g.ldc ?? g.n,
  g.accumulate ? 1 : 0,
  ...(g.batch ?? [1, 1]),
  ...(g.strides ?? [0, 0, 0, 0, 0, 0]),
  g.extentUnit ?? 0,
  g.attached ? 1 : 0,
];
