import { describe, expect, it } from 'vitest';
import {
  type Call,
  columnSum,
  type Data,
  f32,
  full,
  kernel,
  perColumn,
  register,
  rowParams,
  runKernel,
  runOver,
  values,
} from '../../../native/test/assemble.js';
import { expectClose, sameBits } from '../../../native/test/expectations.js';
import { type Gemm, gemmParams } from '../../../native/test/gemm-call.js';
import { loadAddon, type NativeAddon } from './addon.js';

const addon = loadAddon().addon as NativeAddon;

const product = (a: Data, b: Data, { m, n, k, transA, transB }: Gemm): Float64Array => {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++)
      for (let p = 0; p < k; p++)
        c[i * n + j]! += a[transA ? p * m + i : i * k + p]! * b[transB ? j * k + p : p * n + j]!;
  return c;
};

const packed = async (b: Data, k: number, n: number, transB = false): Promise<Data> => {
  const out = new Float32Array(addon.packedBytes(k, n) / 4);
  return (await runKernel(addon, kernel.packWeights, [b, out], [k, n, transB ? k : n, transB ? 1 : 0, 1]))[1]!;
};

describe('gemm', () => {
  for (const [m, n, k] of [
    [1, 1, 1],
    [5, 40, 70],
    [130, 96, 33],
    [300, 65, 257],
  ] as const) {
    it(`multiplies ${m} x ${n} x ${k} with either side transposed, packed or not, on any number of threads`, async () => {
      for (const transA of [false, true])
        for (const transB of [false, true]) {
          const g = { m, n, k, transA, transB };
          const [a, b] = [values(m * k, 1), values(k * n, 2)];
          const c = () => new Float32Array(m * n);
          const got = (await runKernel(addon, kernel.gemm, [a, b, c()], gemmParams(g)))[2]!;
          expectClose(got, product(a, b, g));
          const bp = await packed(b, k, n, transB);
          for (const threads of [1, 2, 4]) {
            const run = (weights: Data, p: boolean) =>
              runKernel(addon, kernel.gemm, [a, weights, c()], gemmParams({ ...g, packed: p }), { threads });
            expect(sameBits((await run(bp, true))[2]!, got)).toBe(true);
            expect(sameBits((await run(b, false))[2]!, got)).toBe(true);
          }
        }
    });
  }

  it('multiplies nothing: k = 0 gives zeros, or what was there', async () => {
    const g = { m: 3, n: 4, k: 0 };
    const c = new Float32Array(12).fill(7);
    const none = new Float32Array(1);
    expect([...(await runKernel(addon, kernel.gemm, [none, none, c], gemmParams(g)))[2]!]).toEqual(Array(12).fill(0));
    const kept = await runKernel(addon, kernel.gemm, [none, none, c], gemmParams({ ...g, accumulate: true }));
    expect([...kept[2]!]).toEqual(Array(12).fill(7));
  });

  it('adds to C', async () => {
    const g = { m: 20, n: 30, k: 10, accumulate: true };
    const [a, b, c] = [values(200, 3), values(300, 4), values(600, 5)];
    const got = (await runKernel(addon, kernel.gemm, [a, b, c], gemmParams(g)))[2]!;
    expectClose(
      got,
      product(a, b, g).map((v, i) => v + c[i]!),
    );
  });

  it('runs batches over two strided dimensions, and only live ones under an extent', async () => {
    const [b0, b1, m, n, k] = [3, 2, 4, 5, 6];
    const a = values(b0 * b1 * m * k, 6);
    const b = values(b1 * k * n, 7);
    const c = new Float32Array(b0 * b1 * m * n).fill(9);
    const strides: Gemm['strides'] = [b1 * m * k, m * k, 0, k * n, b1 * m * n, m * n];
    for (const live of [b0, 2, 0]) {
      const g: Gemm = { m, n, k, batch: [b0, b1], strides, extentUnit: -1 };
      const got = (
        await runKernel(addon, kernel.gemm, [a, b, c, Int32Array.of(live)], gemmParams(g), { threads: 2 })
      )[2]!;
      for (let i = 0; i < b0 * b1; i++) {
        const part = got.subarray(i * m * n, (i + 1) * m * n);
        const j = i % b1;
        const want = product(a.subarray(i * m * k), b.subarray(j * k * n), { m, n, k });
        expectClose(part, Math.floor(i / b1) < live ? want : new Float32Array(m * n).fill(9));
      }
    }
  });

  it('computes only live rows under an extent', async () => {
    const [m, n, k] = [40, 33, 16];
    const [a, b, c] = [values(m * k, 8), values(k * n, 9), new Float32Array(m * n).fill(9)];
    const got = (
      await runKernel(addon, kernel.gemm, [a, b, c, Int32Array.of(3)], gemmParams({ m, n, k, extentUnit: 5 }))
    )[2]!;
    const want = Float64Array.from(product(a, b, { m, n, k }), (v, i) => (i < 15 * n ? v : 9));
    expectClose(got, want);
  });

  for (const m of [3, 700]) {
    it(`gives an attached row program over ${m} rows the bits it has on its own`, async () => {
      const [n, k] = [96, 48];
      const tasks = addon.sumTasks(m, n);
      const arrays = [
        values(m * k, 10),
        await packed(values(k * n, 11), k, n),
        new Float32Array(m * n),
        values(n, 12),
        new Float32Array(m * n),
        new Float32Array(n),
        new Float32Array(tasks * n),
      ];
      const slots = [full(f32, 0, m, n), perColumn(f32, 1), full(f32, 2, m, n), columnSum(f32, 3, 4), register(f32)];
      const code = [
        { op: 40, dst: 4, a: 0, b: 1 },
        { op: 25, dst: 2, a: 4 },
        { op: 90, dst: 3, a: 4 },
      ];
      const calls = (attached: boolean): Call[] => [
        {
          kernel: kernel.gemm,
          operands: [
            [0, 0],
            [1, 0],
            [2, 0],
          ],
          params: gemmParams({ m, n, k, packed: true, attached }),
        },
        {
          kernel: kernel.rowProgram,
          operands: [2, 3, 4, 5, 6].map((i) => [i, 0] as const),
          params: rowParams({ rows: m, cols: n, slots, code }),
        },
      ];
      const apart = (await runOver(addon, arrays, calls(false))).data;
      for (const threads of [1, 2, 4]) {
        const together = (await runOver(addon, arrays, calls(true), { threads })).data;
        for (const i of [2, 4, 5]) expect(sameBits(together[i]!, apart[i]!)).toBe(true);
      }
      expect(apart[4]!.some((v) => v > 0.5)).toBe(true);
    });
  }

  it('runs an attached row program over live rows alone', async () => {
    const [m, n, k] = [600, 32, 16];
    const [a, b] = [values(m * k, 13), values(k * n, 14)];
    const slots = [full(f32, 0, m, n), full(f32, 1, m, n)];
    const spec = { rows: m, cols: n, extentUnit: 100, slots, code: [{ op: 10, dst: 1, a: 0 }] };
    for (const live of [0, 4, 6]) {
      const arrays = [a, b, new Float32Array(m * n).fill(9), new Float32Array(m * n).fill(9), Int32Array.of(live)];
      const params = gemmParams({ m, n, k, extentUnit: 100, attached: true });
      const calls: Call[] = [
        { kernel: kernel.gemm, operands: [0, 1, 2, 4].map((i) => [i, 0] as const), params },
        { kernel: kernel.rowProgram, operands: [2, 3, 4].map((i) => [i, 0] as const), params: rowParams(spec) },
      ];
      const { data } = await runOver(addon, arrays, calls, { threads: 2 });
      const want = product(a, b, { m, n, k });
      const edge = live * 100 * n;
      expectClose(data[2]!, (i) => (i < edge ? want[i]! : 9));
      expectClose(data[3]!, (i) => (i < edge ? -want[i]! : 9));
    }
  });
});
