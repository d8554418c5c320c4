import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.js';
import { defaultExecutor } from '../../compile/default-executor.js';
import { type HostArray, hostArray } from '../../compile/host-array.js';
import { ReferenceExecutor } from '../../compile/reference/executor.js';
import type { Tensor } from '../graph.js';
import { matmul } from './matmul.js';
import { orthonormal } from './orthonormal.js';

const [rows, columns] = [40, 24];
const matrix = (at: (i: number, j: number) => number): HostArray =>
  hostArray(
    Float32Array.from({ length: rows * columns }, (_, i) => at(Math.floor(i / columns), i % columns)),
    [rows, columns],
  );

describe.each([new ReferenceExecutor(), defaultExecutor()])('orthonormal ($name)', (executor) => {
  const decomposed = compile(
    (x: Tensor) => {
      const q = orthonormal(x);
      return { gram: matmul(q, q, { transposeA: true }), r: matmul(q, x, { transposeA: true }) };
    },
    { executor },
  );
  const expectIdentity = ({ data }: HostArray) =>
    data.forEach((x, i) => expect(Math.abs(Number(x) - Number(i % (columns + 1) === 0))).toBeLessThan(1e-5));

  it('gives the Q whose R is triangular with a positive diagonal', async () => {
    const { gram, r } = await decomposed(matrix((i, j) => Math.sin(i * 1.37 * (j + 1) + j)));
    expectIdentity(gram);
    for (let i = 0; i < columns; i++) {
      expect(r.data[i * columns + i]).toBeGreaterThan(0.1);
      for (let j = 0; j < i; j++) expect(Math.abs(r.data[i * columns + j])).toBeLessThan(1e-4);
    }
  });

  it('is orthonormal for columns that depend on each other, and for zeros', async () => {
    expectIdentity((await decomposed(matrix((i, j) => (i + 1) * (j % 2)))).gram);
    expectIdentity((await decomposed(matrix(() => 0))).gram);
  });
});
