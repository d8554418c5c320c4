import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { hostArray } from '../compile/host-array.js';
import { randomArray, run } from '../nn/test-support.js';
import { matmul, mul, type Tensor } from '../tensor/index.js';
import { inverseRoot } from './inverse-root.js';
import {
  alongRows,
  eigen,
  type Matrix,
  plainBlocks,
  product,
  rowsOf,
  timesAlong,
  turned,
} from './matrix-test-support.js';
import { type ShampooSettings, shampoo } from './shampoo.js';
import { type Plain, tenUpdatesEach, withKernel, worst } from './test-support.js';

const norm = (values: readonly number[]): number => Math.hypot(...values);

/** By eigenvalues. */
const plainRoot = (matrix: Matrix, p: number): Matrix => {
  const size = norm(matrix.flat());
  const { values, vectors } = eigen(matrix);
  const scaled = vectors.map((row) => row.map((x, i) => x * (values[i]! + 1e-6 * size) ** (-1 / p)));
  return product(scaled, turned(vectors));
};

const [beta1, beta2, epsilon] = [0.9, 0.95, 1e-8];

/** Block by block, along each axis of it. */
const plainShampoo =
  (
    settings: Required<
      Pick<ShampooSettings, 'blockSize' | 'skipAbove' | 'statisticsEvery' | 'rootsEvery' | 'startStep'>
    >,
  ) =>
  (
    { parameter, kept }: Plain,
    {
      name,
      shape,
      gradient,
      lr,
      t,
    }: { name: string; shape: readonly number[]; gradient: number[]; lr: number; t: number },
  ): Plain => {
    const second = kept.second!.map((v, i) => beta2 * v + (1 - beta2) * gradient[i]! ** 2);
    const adam = gradient.map((g, i) => g / (Math.sqrt(second[i]! / (1 - beta2 ** t)) + epsilon));
    const step = t - 1;
    const next: Record<string, number[]> = {};
    let direction = adam;
    if (shape.length >= 2 && Math.max(...shape) <= settings.skipAbove) {
      const shaped = [...gradient];
      plainBlocks(shape, settings.blockSize).forEach((block, b) => {
        const own = block.places.map((at) => gradient[at]!);
        const part = block.shape.reduce((values, _, axis) => {
          const [s, r] = [`statistics${b}x${axis}`, `root${b}x${axis}`];
          const rows = alongRows(own, block.shape, axis);
          const squares = product(rows, turned(rows)).flat();
          const isNew = step % settings.statisticsEvery === 0;
          const now = isNew ? kept[s]!.map((x, i) => beta2 * x + (1 - beta2) * squares[i]!) : kept[s]!;
          // Stored in f32, whose rounding shows in the roots of small eigenvalues.
          next[s] = now.map(Math.fround);
          const isDue = step >= settings.startStep && (step % settings.rootsEvery === 0 || step === settings.startStep);
          next[r] = isDue ? plainRoot(rowsOf(now, rows.length), 2 * shape.length).flat() : kept[r]!;
          return timesAlong(rowsOf(next[r], rows.length), values, block.shape, axis);
        }, own);
        block.places.forEach((at, i) => (shaped[at] = part[i]!));
      });
      if (step >= settings.startStep) direction = shaped.map((x) => (x * norm(adam)) / norm(shaped));
    }
    const first = kept.first!.map((m, i) => beta1 * m + (1 - beta1) * direction[i]!);
    const decayed = name === 'vector' ? 0 : 0.1;
    return {
      parameter: parameter.map((p, i) => p - lr * (decayed * p + first[i]! / (1 - beta1 ** t))),
      kept: { first, second, ...next },
    };
  };

describe('shampoo', () => {
  it.each([
    { blockSize: 512, skipAbove: 1024, statisticsEvery: 1, rootsEvery: 1, startStep: 0 },
    { blockSize: 2, skipAbove: 1024, statisticsEvery: 2, rootsEvery: 3, startStep: 4 },
    { blockSize: 3, skipAbove: 4, statisticsEvery: 3, rootsEvery: 4, startStep: 2 },
  ])('follows the plain float64 algorithm for ten steps: %o', async (settings) => {
    const optimizer = shampoo({ ...settings, betas: [beta1, beta2], epsilon, weightDecay: 0.1 });
    const differences = await tenUpdatesEach(optimizer, plainShampoo(settings), withKernel);
    expect(worst(differences).error).toBeLessThan(1e-4);
  });

  it('takes other tensors than matrices by all their axes', () => {
    const kept = shampoo().keeps('kernel', { shape: [6, 5, 1, 4], dtype: 'f32' });
    expect(kept).toMatchObject({
      statistics0x0: { shape: [6, 6] },
      root0x1: { shape: [5, 5] },
      root0x3: { shape: [4, 4] },
    });
    expect(Object.keys(kept)).toHaveLength(8);
    expect(Object.keys(shampoo().keeps('long', { shape: [6, 1025], dtype: 'f32' }))).toEqual(['first', 'second']);
  });
});

describe('inverseRoot', () => {
  it.each([2, 4, 6])('agrees with eigenvalues, p = %i, and on the native engine', async (p) => {
    const n = 12;
    const source = randomArray([n, 5], 3); // rank 5
    const gram = (x: Tensor) => matmul(x, x, { transposeB: true });
    const { data } = await run((x: Tensor) => inverseRoot(gram(x), p), source);
    const rows = rowsOf(Array.from(source.data, Number), 5);
    const wanted = plainRoot(product(rows, turned(rows)), p).flat();
    const size = Math.max(...wanted.map(Math.abs));
    wanted.forEach((x, i) => expect(Math.abs(data[i] - x) / size).toBeLessThan(1e-6));
    const native = await compile((x: Tensor) => inverseRoot(gram(x), p), { executor: defaultExecutor() })(source);
    wanted.forEach((x, i) => expect(Math.abs(native.data[i] - x) / size).toBeLessThan(0.05));
  });

  it('holds for entries whose squares vanish in float32', async () => {
    const scales = hostArray(Float32Array.of(1e-28, 2e-28, 3e-28), [3, 1]);
    const identity = hostArray(Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1), [3, 3]);
    const root = (x: Tensor, y: Tensor) => inverseRoot(mul(x, y), 4);
    const { data } = await compile(root, { executor: defaultExecutor() })(scales, identity);
    [1e-28, 2e-28, 3e-28].forEach((x, i) => expect(data[4 * i] * x ** 0.25).toBeCloseTo(1, 2));
  });

  it('is finite for a matrix of zeros', async () => {
    const { data } = await run((x: Tensor) => inverseRoot(x, 4), hostArray(new Float32Array(9), [3, 3]));
    expect([...data].every(Number.isFinite)).toBe(true);
  });
});
