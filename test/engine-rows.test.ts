import { describe, it } from 'vitest';
import { compile } from '../src/compile/compile.js';
import { HostArray } from '../src/compile/host-array.js';
import { NativeExecutor } from '../src/compile/native/executor.js';
import { add, attention, gelu, matmul, reshape, rotary, type Tensor } from '../src/tensor/index.js';
import { drawBy, expectSameBits, native, values } from './engine-support.js';

const floats = (seed: number, ...shape: number[]): HostArray => values(drawBy(seed), shape, 'f32', [-1, 1]);

/** Rows `from` up to `to` of the first dimension. */
const rowsOf = ({ data, shape, dtype }: HostArray, from: number, to: number): HostArray => {
  const width = data.length / shape[0]!;
  return new HostArray(data.slice(from * width, to * width), [to - from, ...shape.slice(1)], dtype);
};

type F = (x: Tensor, w: Tensor, bias: Tensor) => Tensor;

const functions: Record<string, F> = {
  'a product': (x, w) => matmul(x, w),
  'a product with bias and GELU': (x, w, bias) => gelu(add(matmul(x, w), bias)),
  'a product with a transposed matrix': (x, w) =>
    matmul(x, reshape(w, [w.shape[1]!, w.shape[0]!]), { transposeB: true }),
};

describe.each(Object.entries(functions))('a row of %s', (_, f) => {
  it.each([
    [5, 33],
    [64, 1],
    [300, 96],
    [1100, 40],
  ])('is the same alone as among others, bit for bit (K %i, N %i)', async (k, n) => {
    const product = compile(f, { executor: native });
    const [x, w, bias] = [floats(1, 40, k), floats(2, k, n), floats(3, n)];
    const whole = (await product(x, w, bias)) as HostArray;
    for (let m = 1; m < 40; m++) {
      expectSameBits([await product(rowsOf(x, 0, m), w, bias)], [rowsOf(whole, 0, m)], `the first ${m} rows`);
      expectSameBits([await product(rowsOf(x, m, m + 1), w, bias)], [rowsOf(whole, m, m + 1)], `row ${m}`);
    }
  });
});

describe('a batch', () => {
  const threads = [1, 2, 4].map((count) => new NativeExecutor(native.addon, count));

  it('of products gives each the bits that it has alone, on any number of threads', async () => {
    const [a, b] = [floats(4, 6, 35, 70), floats(5, 6, 70, 50)];
    const results = await Promise.all(
      threads.map((executor) => compile((a: Tensor, b: Tensor) => matmul(a, b), { executor })(a, b)),
    );
    const single = compile((a: Tensor, b: Tensor) => matmul(reshape(a, [35, 70]), reshape(b, [70, 50])), {
      executor: native,
    });
    for (const result of results) {
      for (let i = 0; i < 6; i++) {
        const alone = (await single(rowsOf(a, i, i + 1), rowsOf(b, i, i + 1))) as HostArray;
        expectSameBits([new HostArray(alone.data, [1, 35, 50], 'f32')], [rowsOf(result, i, i + 1)], `product ${i}`);
      }
    }
  });

  it('of sequences attends in each as it does alone, on any number of threads', async () => {
    const [q, k, v] = [floats(6, 3, 37, 2, 24), floats(7, 3, 37, 2, 24), floats(8, 3, 37, 2, 24)];
    const angles = floats(9, 1, 37, 12);
    const f = (q: Tensor, k: Tensor, v: Tensor, t: Tensor): Tensor =>
      attention({ q: rotary(q, t, t), k, v }, { causal: true });
    const alone = compile(f, { executor: native });
    for (const executor of threads) {
      const whole = (await compile(f, { executor })(q, k, v, angles)) as HostArray;
      for (let i = 0; i < 3; i++) {
        const [a, b, c] = [q, k, v].map((x) => rowsOf(x, i, i + 1)) as [HostArray, HostArray, HostArray];
        expectSameBits([await alone(a, b, c, angles)], [rowsOf(whole, i, i + 1)], `sequence ${i}`);
      }
    }
  });
});
