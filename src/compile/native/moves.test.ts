import { describe, expect, it } from 'vitest';
import {
  bf16,
  type Call,
  type Data,
  f32,
  f64,
  float,
  i32,
  kernel,
  runKernel,
  runOver,
  u8,
  values,
} from '../../../native/test/assemble.js';
import { sameBits } from '../../../native/test/expectations.js';
import { loadAddon, type NativeAddon } from './addon.js';

const addon = loadAddon().addon as NativeAddon;

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
    const small = await runKernel(
      addon,
      kernel.gatherRows,
      [bytes, Int32Array.of(2, 1), new Uint8Array(6)],
      [2, 3, 4, 1, 3, 3],
    );
    expect([...small[2]!]).toEqual([6, 7, 8, 3, 4, 5]);
  });

  it('scatter in the order of the index, over stale contents, on any number of threads', async () => {
    const [rows, cols, tableRows] = [50, 150, 7];
    const index = Int32Array.from({ length: rows }, (_, i) => (i * 5) % 6);
    const updates = values(rows * cols, 2);
    const want = new Float32Array(tableRows * cols);
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < cols; c++)
        want[index[r]! * cols + c] = Math.fround(want[index[r]! * cols + c]! + updates[r * cols + c]!);
    for (const threads of [1, 2, 4]) {
      const out = new Float32Array(want.length).fill(8);
      const got = await runKernel(addon, kernel.scatterAddRows, [index, updates, out], [rows, cols, tableRows, cols], {
        threads,
      });
      expect(sameBits(got[2]!, want)).toBe(true);
    }
  });

  it('take and put along a row', async () => {
    const x = values(3 * 5, 3);
    const index = Int32Array.of(4, 0, 2, 2, 1, 1);
    const taken = await runKernel(addon, kernel.takeAlong, [x, index, new Float32Array(6)], [3, 5, 2, 5]);
    expect([...taken[2]!]).toEqual([...index].map((p, i) => x[Math.floor(i / 2) * 5 + p]));
    const put = await runKernel(
      addon,
      kernel.putAlong,
      [index, Float32Array.of(1, 2, 3, 4, 5, 6), new Float32Array(15).fill(9)],
      [3, 5, 2],
    );
    expect([...put[2]!]).toEqual([2, 0, 0, 0, 1, 0, 0, 7, 0, 0, 0, 11, 0, 0, 0]);
  });

  it('refuse an index out of range, naming the instruction', async () => {
    for (const bad of [-1, 6, 2147483647]) {
      const arrays = [values(60), Int32Array.of(0, bad), new Float32Array(20)];
      const run = runKernel(addon, kernel.gatherRows, arrays, [2, 10, 6, 4, 10, 10]);
      await expect(run).rejects.toMatchObject({ code: 'E_PROGRAM', message: expect.stringContaining('Instruction 0') });
      const scatter = runKernel(
        addon,
        kernel.scatterAddRows,
        [Int32Array.of(bad), values(10), new Float32Array(60)],
        [1, 10, 6, 10],
      );
      await expect(scatter).rejects.toMatchObject({ code: 'E_PROGRAM' });
      const take = runKernel(
        addon,
        kernel.takeAlong,
        [values(6), Int32Array.of(bad), new Float32Array(1)],
        [1, 6, 1, 6],
      );
      await expect(take).rejects.toMatchObject({ code: 'E_PROGRAM' });
    }
  });

  it('refuse to write over their own indices', async () => {
    const call: Call = {
      kernel: kernel.takeAlong,
      operands: [
        [0, 0],
        [1, 0],
        [1, 4],
      ],
      params: [1, 4, 2, 4],
    };
    await expect(runOver(addon, [values(4), new Int32Array(3)], [call])).rejects.toThrow(/its own indices/);
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
  const copyCase = async (
    sizes: number[],
    src: number[],
    dst: number[],
    Kind: Uint8ArrayConstructor | Uint16ArrayConstructor | Float32ArrayConstructor | Float64ArrayConstructor,
    threads: number,
  ) => {
    const span = (strides: number[]) => 1 + strides.reduce((s, stride, i) => s + stride * (sizes[i]! - 1), 0);
    const from = new Kind(span(src));
    for (let i = 0; i < from.length; i++) from[i] = (i * 7) % 251;
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
    expect(sameBits(got, want), JSON.stringify({ sizes, src, dst })).toBe(true);
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
