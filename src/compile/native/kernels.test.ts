import { describe, expect, it } from 'vitest';
import {
  assemble,
  bf16,
  bitsOf,
  type Call,
  columnSum,
  type Data,
  f32,
  f64,
  float,
  full,
  i32,
  kernel,
  perColumn,
  register,
  rowParams,
  runKernel,
  runOver,
  state,
  u8,
  values,
  type Word,
} from '../../../native/test/assemble.js';
import { loadAddon, type NativeAddon } from './addon.js';

const addon = loadAddon().addon as NativeAddon;

const expectClose = (got: Data, want: ArrayLike<number>, tolerance = 1e-4): void => {
  expect(got.length).toBe(want.length);
  for (let i = 0; i < got.length; i++) {
    const error = Math.abs(got[i]! - want[i]!) / Math.max(1, Math.abs(want[i]!));
    if (!(error <= tolerance)) expect.fail(`element ${i} is ${got[i]}, expected ${want[i]}`);
  }
};
const same = (a: Data, b: Data): boolean => Buffer.compare(bitsOf(a), bitsOf(b)) === 0;

interface Gemm {
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

const gemmParams = (g: Gemm): Word[] => [
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
  return (await runKernel(addon, kernel.packWeights, [b, out], [k, n, transB ? k : n, transB ? 1 : 0]))[1]!;
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
            expect(same((await run(bp, true))[2]!, got)).toBe(true);
            expect(same((await run(b, false))[2]!, got)).toBe(true);
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
      const got = (await runKernel(addon, kernel.gemm, [a, b, c, Int32Array.of(live)], gemmParams(g), { threads: 2 }))[2]!;
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
    const got = (await runKernel(addon, kernel.gemm, [a, b, c, Int32Array.of(3)], gemmParams({ m, n, k, extentUnit: 5 })))[2]!;
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
        { kernel: kernel.gemm, operands: [[0, 0], [1, 0], [2, 0]], params: gemmParams({ m, n, k, packed: true, attached }) },
        { kernel: kernel.rowProgram, operands: [2, 3, 4, 5, 6].map((i) => [i, 0] as const), params: rowParams({ rows: m, cols: n, slots, code }) },
      ];
      const apart = (await runOver(addon, arrays, calls(false))).data;
      for (const threads of [1, 2, 4]) {
        const together = (await runOver(addon, arrays, calls(true), { threads })).data;
        for (const i of [2, 4, 5]) expect(same(together[i]!, apart[i]!)).toBe(true);
      }
      expect(apart[4]!.some((v) => v > 0.5)).toBe(true);
    });
  }
});

describe('attention', () => {
  const [batch, heads, length, dim] = [2, 3, 37, 16];
  const size = batch * length * heads * dim;
  const strides = [length * heads * dim, heads * dim, dim];
  const scale = 1 / Math.sqrt(dim);
  const at = (b: number, i: number, h: number) => ((b * length + i) * heads + h) * dim;
  const lengths = Int32Array.of(length, 20);

  const reference = (q: Data, k: Data, v: Data) => {
    const o = new Float64Array(size);
    for (let b = 0; b < batch; b++)
      for (let h = 0; h < heads; h++)
        for (let i = 0; i < length; i++) {
          const weights: number[] = [];
          for (let j = 0; j <= i && j < lengths[b]!; j++) {
            let dot = 0;
            for (let d = 0; d < dim; d++) dot += q[at(b, i, h) + d]! * k[at(b, j, h) + d]!;
            weights.push(Math.exp(dot * scale));
          }
          const total = weights.reduce((s, w) => s + w, 0);
          weights.forEach((w, j) => {
            for (let d = 0; d < dim; d++) o[at(b, i, h) + d]! += (w / total) * v[at(b, j, h) + d]!;
          });
        }
    return o;
  };

  it('is softmax attention, causal, over live keys, with the same bits on any number of threads', async () => {
    const [q, k, v] = [values(size, 1), values(size, 2), values(size, 3)];
    const params = [batch, heads, length, length, dim, 1, float(scale), ...strides, ...strides, ...strides, ...strides, 0];
    const arrays = [q, k, v, new Float32Array(size), new Float32Array(batch * heads * length), lengths];
    const got = await runKernel(addon, kernel.attentionForward, arrays, params);
    expectClose(got[3]!, reference(q, k, v), 1e-5);
    for (const threads of [2, 4]) {
      const other = await runKernel(addon, kernel.attentionForward, arrays, params, { threads });
      expect(same(other[3]!, got[3]!)).toBe(true);
    }
  });

  it('has the gradient of its value', async () => {
    const [q, k, v, dO] = [values(size, 1), values(size, 2), values(size, 3), values(size, 4)];
    const forward = [batch, heads, length, length, dim, 1, float(scale), ...strides, ...strides, ...strides, ...strides, 0];
    const outs = [new Float32Array(size), new Float32Array(batch * heads * length)];
    const [, , , o, lse] = await runKernel(addon, kernel.attentionForward, [q, k, v, ...outs, lengths], forward);
    const empty = () => new Float32Array(size).fill(Number.NaN);
    const params = [batch, heads, length, length, dim, 1, float(scale), ...Array(8).fill(strides).flat(), 0];
    const arrays = [q, k, v, o!, lse!, dO, empty(), empty(), empty(), lengths];
    const got = await runKernel(addon, kernel.attentionBackward, arrays, params, { threads: 2 });
    const loss = (a: Data[]) => reference(a[0]!, a[1]!, a[2]!).reduce((s, x, i) => s + x * dO[i]!, 0);
    for (const [which, gradient] of [[0, got[6]!], [1, got[7]!], [2, got[8]!]] as const) {
      for (const i of [5, 300, 1000, size - 40]) {
        const moved = (by: number) => [q, k, v].map((x, n) => (n === which ? Float64Array.from(x, (y, e) => (e === i ? y + by : y)) : x));
        const slope = (loss(moved(1e-4)) - loss(moved(-1e-4))) / 2e-4;
        expect(gradient[i]).toBeCloseTo(slope, 3);
      }
    }
  });
});

describe('kernels that take indices', () => {
  it('gather rows of any element size, and add them back', async () => {
    const table = values(6 * 10, 1);
    const index = Int32Array.of(5, 0, 3, 3);
    const got = await runKernel(addon, kernel.gatherRows, [table, index, new Float32Array(4 * 8)], [4, 7, 6, 4, 10, 8]);
    for (let r = 0; r < 4; r++) {
      const want = [...table.subarray(index[r]! * 10, index[r]! * 10 + 7), 0];
      expect([...got[2]!.subarray(r * 8, r * 8 + 8)]).toEqual(want);
    }
    const bytes = Uint8Array.from({ length: 12 }, (_, i) => i);
    const small = await runKernel(addon, kernel.gatherRows, [bytes, Int32Array.of(2, 1), new Uint8Array(6)], [2, 3, 4, 1, 3, 3]);
    expect([...small[2]!]).toEqual([6, 7, 8, 3, 4, 5]);
  });

  it('scatter in the order of the index, over stale contents, on any number of threads', async () => {
    const [rows, cols, tableRows] = [50, 150, 7];
    const index = Int32Array.from({ length: rows }, (_, i) => (i * 5) % 6);
    const updates = values(rows * cols, 2);
    const want = new Float32Array(tableRows * cols);
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < cols; c++) want[index[r]! * cols + c] = Math.fround(want[index[r]! * cols + c]! + updates[r * cols + c]!);
    for (const threads of [1, 2, 4]) {
      const out = new Float32Array(want.length).fill(8);
      const got = await runKernel(addon, kernel.scatterAddRows, [index, updates, out], [rows, cols, tableRows, cols], { threads });
      expect(same(got[2]!, want)).toBe(true);
    }
  });

  it('take and put along a row', async () => {
    const x = values(3 * 5, 3);
    const index = Int32Array.of(4, 0, 2, 2, 1, 1);
    const taken = await runKernel(addon, kernel.takeAlong, [x, index, new Float32Array(6)], [3, 5, 2, 5]);
    expect([...taken[2]!]).toEqual([...index].map((p, i) => x[Math.floor(i / 2) * 5 + p]));
    const put = await runKernel(addon, kernel.putAlong, [index, Float32Array.of(1, 2, 3, 4, 5, 6), new Float32Array(15).fill(9)], [3, 5, 2]);
    expect([...put[2]!]).toEqual([2, 0, 0, 0, 1, 0, 0, 7, 0, 0, 0, 11, 0, 0, 0]);
  });

  it('refuse an index out of range, naming the instruction', async () => {
    for (const bad of [-1, 6, 2147483647]) {
      const arrays = [values(60), Int32Array.of(0, bad), new Float32Array(20)];
      const run = runKernel(addon, kernel.gatherRows, arrays, [2, 10, 6, 4, 10, 10]);
      await expect(run).rejects.toMatchObject({ code: 'E_PROGRAM', message: expect.stringContaining('Instruction 0') });
      const scatter = runKernel(addon, kernel.scatterAddRows, [Int32Array.of(bad), values(10), new Float32Array(60)], [1, 10, 6, 10]);
      await expect(scatter).rejects.toMatchObject({ code: 'E_PROGRAM' });
      const take = runKernel(addon, kernel.takeAlong, [values(6), Int32Array.of(bad), new Float32Array(1)], [1, 6, 1, 6]);
      await expect(take).rejects.toMatchObject({ code: 'E_PROGRAM' });
    }
  });

  it('update rows of a cache at each position, skipping what falls outside', async () => {
    const [batch, count, width, length] = [4, 3, 2, 5];
    const rows = Int32Array.from({ length: batch * count * width }, (_, i) => i + 1);
    const position = Int32Array.of(1, 4, -2, 2147483647);
    const cache = new Int32Array(batch * length * width);
    const params = [batch, count, width, length, 4, count * width, length * width];
    const got = (await runKernel(addon, kernel.updateRows, [rows, position, cache], params))[2]!;
    const want = new Int32Array(cache.length);
    for (let b = 0; b < batch; b++)
      for (let i = 0; i < count; i++)
        for (let w = 0; w < width; w++) {
          const p = position[b]! + i;
          if (p >= 0 && p < length) want[(b * length + p) * width + w] = rows[(b * count + i) * width + w]!;
        }
    expect([...got]).toEqual([...want]);
  });
});

describe('copy and fill', () => {
  const copyCase = async (sizes: number[], src: number[], dst: number[], Kind: Uint8ArrayConstructor | Uint16ArrayConstructor | Float32ArrayConstructor | Float64ArrayConstructor, threads: number) => {
    const span = (strides: number[]) => 1 + strides.reduce((s, stride, i) => s + stride * (sizes[i]! - 1), 0);
    const from = Kind.from({ length: span(src) }, (_, i) => (i * 7) % 251);
    const to = new Kind(span(dst));
    const want = to.slice();
    const index = sizes.map(() => 0);
    for (let n = sizes.reduce((p, s) => p * s, 1); n > 0; n--) {
      const offset = (strides: number[]) => strides.reduce((s, stride, i) => s + stride * index[i]!, 0);
      want[offset(dst)] = from[offset(src)]!;
      for (let d = sizes.length - 1; d >= 0 && ++index[d]! === sizes[d]; d--) index[d] = 0;
    }
    const params = [Kind.BYTES_PER_ELEMENT, sizes.length, ...sizes, ...src, ...dst];
    const got = (await runKernel(addon, kernel.copy, [from, to], params, { threads }))[1]!;
    expect(same(got, want), JSON.stringify({ sizes, src, dst })).toBe(true);
  };

  it('moves any strided arrangement: whole, transposed, permuted, broadcast, sliced', async () => {
    for (const kind of [Uint8Array, Uint16Array, Float32Array, Float64Array]) {
      await copyCase([1000], [1], [1], kind, 2);
      await copyCase([33, 50], [1, 33], [50, 1], kind, 2); // transpose
      await copyCase([33, 50], [0, 1], [50, 1], kind, 1); // rows repeated
      await copyCase([33, 50], [1, 0], [50, 1], kind, 1); // values repeated
      await copyCase([4, 5, 6, 7], [210, 7, 35, 1], [210, 42, 7, 1], kind, 2); // heads to the front
      await copyCase([4, 5, 6, 7], [1, 4, 20, 120], [210, 42, 7, 1], kind, 3); // reversed
      await copyCase([8, 10], [25, 2], [40, 3], kind, 1); // strided on both sides
      await copyCase([2, 3, 2, 3, 2, 3], [108, 36, 18, 6, 3, 1], [1, 2, 6, 12, 36, 72], kind, 2);
    }
    await copyCase([700, 900], [900, 1], [1000, 1], Float32Array, 2);
    await copyCase([700, 900], [1, 700], [900, 1], Float32Array, 2);
  });

  it('fills every type with a value', async () => {
    const cases: [number, Data, number, number][] = [
      [f32, new Float32Array(9), 1.25, 1.25],
      [f64, new Float64Array(9), 0.1, 0.1],
      [bf16, new Uint16Array(9), 1.01171875, 0x3f82],
      [i32, new Int32Array(9), -5, -5],
      [u8, new Uint8Array(9), 200, 200],
      [5, new Uint8Array(9), 3, 1],
    ];
    for (const [dtype, data, value, want] of cases) {
      const got = (await runKernel(addon, kernel.fill, [data], [dtype, 7, float(value)]))[0]!;
      expect([...got]).toEqual([...Array(7).fill(want), 0, 0]);
    }
  });

  it('poisons with NaN', async () => {
    const got = (await runKernel(addon, kernel.poison, [new Float32Array(4)], [12]))[0]!;
    expect([...got]).toEqual([Number.NaN, Number.NaN, Number.NaN, 0]);
  });
});

describe('sample', () => {
  const logits = Float32Array.from([0.1, 0.4, 0.2, 0.3], Math.log);
  const draw = async (u: number, [temperature, topK, topP]: [number, number, number], row: Float32Array = logits) => {
    const arrays = [row, Float32Array.of(u), Float32Array.of(temperature, topK, topP), new Int32Array(1)];
    return (await runKernel(addon, kernel.sample, arrays, [1, row.length, row.length]))[3]![0];
  };

  it('picks by inverse CDF in the order of indices', async () => {
    const picks = await Promise.all([0, 0.09, 0.11, 0.49, 0.51, 0.69, 0.71, 0.9999].map((u) => draw(u, [1, 0, 1])));
    expect(picks).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  });

  it('takes the most probable, of equals the first, at temperature 0', async () => {
    expect(await draw(0.99, [0, 0, 1])).toBe(1);
    expect(await draw(0.99, [0, 0, 1], Float32Array.of(-1, 0, 0, 0))).toBe(1);
  });

  it('keeps the topK most probable, of equals the lower index', async () => {
    expect(await draw(0.99, [1, 1, 1])).toBe(1);
    expect([await draw(0.01, [1, 2, 1]), await draw(0.99, [1, 2, 1])]).toEqual([1, 3]);
    expect(await draw(0.999, [1, 2, 1], new Float32Array(5))).toBe(1);
  });

  it('keeps the smallest set that reaches topP', async () => {
    expect(await draw(0.99, [1, 0, 0.39])).toBe(1);
    expect([await draw(0.01, [1, 0, 0.6]), await draw(0.99, [1, 0, 0.6])]).toEqual([1, 3]);
    expect(await draw(0.99, [1, 2, 0.5])).toBe(1); // of the renormalised two, the first has 4/7
  });

  it('sharpens with a low temperature and never picks what is impossible', async () => {
    expect(await draw(0.99, [0.02, 0, 1])).toBe(1);
    const row = Float32Array.of(Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY);
    for (const u of [0, 0.5, 0.99999994]) expect(await draw(u, [5, 0, 1], row)).toBe(1);
  });
});

describe('checkFinite', () => {
  it('ends the run at the first NaN or infinity, and not before', async () => {
    for (const [dtype, good, bad] of [
      [f32, Float32Array.of(1, 3e38), Float32Array.of(1, Number.POSITIVE_INFINITY)],
      [f64, Float64Array.of(1, 1e308), Float64Array.of(Number.NaN, 1)],
      [bf16, Uint16Array.of(0x3f80, 0x7f7f), Uint16Array.of(0x3f80, 0x7f80)],
    ] as const) {
      const call: Call = { kernel: kernel.checkFinite, operands: [[0, 0]], params: [dtype, 2, 42] };
      expect((await runOver(addon, [good], [call])).result).toMatchObject({ status: 'done', iteration: 1 });
      expect((await runOver(addon, [bad], [call])).result).toMatchObject({ status: 'notFinite', id: 42, iteration: 0 });
    }
  });
});

it('every kernel refuses operands that end behind their segment', () => {
  const calls: Call[] = [
    { kernel: kernel.gemm, operands: [[0, 0], [0, 0], [0, 0]], params: gemmParams({ m: 9, n: 1, k: 1 }) },
    { kernel: kernel.packWeights, operands: [[0, 0], [0, 0]], params: [3, 3, 3, 0] },
    { kernel: kernel.rowProgram, operands: [[0, 0], [0, 0]], params: rowParams({ rows: 1, cols: 9, slots: [full(f32, 0, 1, 9)], code: [] }) },
    { kernel: kernel.attentionForward, operands: Array(5).fill([0, 0]), params: [1, 1, 1, 1, 9, 0, float(1), ...Array(12).fill(1), 0] },
    { kernel: kernel.attentionBackward, operands: Array(9).fill([0, 0]), params: [1, 1, 1, 1, 9, 0, float(1), ...Array(24).fill(1), 0] },
    { kernel: kernel.gatherRows, operands: [[0, 0], [0, 0], [0, 0]], params: [1, 1, 9, 4, 1, 1] },
    { kernel: kernel.scatterAddRows, operands: [[0, 0], [0, 0], [0, 0]], params: [1, 1, 9, 1] },
    { kernel: kernel.takeAlong, operands: [[0, 0], [0, 0], [0, 0]], params: [1, 1, 9, 1] },
    { kernel: kernel.putAlong, operands: [[0, 0], [0, 0], [0, 0]], params: [1, 9, 1] },
    { kernel: kernel.copy, operands: [[0, 0], [0, 0]], params: [4, 1, 9, 0, 1] },
    { kernel: kernel.fill, operands: [[0, 0]], params: [f32, 9, float(0)] },
    { kernel: kernel.updateRows, operands: [[0, 0], [0, 0], [0, 0]], params: [1, 1, 1, 9, 4, 1, 9] },
    { kernel: kernel.sample, operands: [[0, 0], [0, 0], [0, 0], [0, 0]], params: [1, 9, 9] },
    { kernel: kernel.skipIf, operands: [[0, 32]], params: [i32, 1] },
    { kernel: kernel.guard, operands: [[0, 32]], params: [i32, 1] },
    { kernel: kernel.checkFinite, operands: [[0, 0]], params: [f32, 9, 0] },
    { kernel: kernel.poison, operands: [[0, 0]], params: [33] },
  ];
  for (const call of calls) {
    expect(() => addon.load(assemble([state(32)], [call])), `kernel ${call.kernel}`).toThrow(/behind segment 0/);
  }
});
