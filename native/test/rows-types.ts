/** Integer opcodes and conversions between types. */
import { expect, it } from 'vitest';
import type { NativeAddon } from '../../src/compile/native/addon.js';
import { bf16, bool, f32, f64, full, i32, runRows, u8 } from './assemble.js';

export const typesSuite = (addon: NativeAddon): void => {
  it('compute integer opcodes as JavaScript does, wrapping at 32 bits', async () => {
    const a = Int32Array.from([5, -7, 2147483647, -2147483648, 123456789, 0, -1, 40, 3, 9, 2, 8, 1, 1, 1, 77, -5]);
    const b = Int32Array.from([3, 2, 2, -1, 987654321, 0, 33, -3, 3, 9, 2, 8, 0, 31, 32, 5, 0]);
    const ops: Record<string, [number, (x: number, y: number) => number]> = {
      negate: [10, (x) => -x | 0],
      absolute: [11, (x) => Math.abs(x) | 0],
      not: [26, (x) => (x === 0 ? 1 : 0)],
      add: [40, (x, y) => (x + y) | 0],
      subtract: [41, (x, y) => (x - y) | 0],
      multiply: [42, Math.imul],
      divide: [43, (x, y) => (x / y) | 0],
      max: [44, Math.max],
      min: [45, Math.min],
      less: [46, (x, y) => Number(x < y)],
      lessEqual: [47, (x, y) => Number(x <= y)],
      equal: [48, (x, y) => Number(x === y)],
      and: [49, (x, y) => x & y],
      or: [50, (x, y) => x | y],
      xor: [51, (x, y) => x ^ y],
      left: [52, (x, y) => x << y],
      right: [53, (x, y) => (x >>> y) | 0],
      affine: [70, (x) => (Math.imul(x, 3) + 4) | 0],
    };
    const cols = a.length;
    const slots = [full(i32, 0, 1, cols), full(i32, 1, 1, cols), full(i32, 2, 1, cols)];
    for (const [name, [op, of]] of Object.entries(ops)) {
      const code = [{ op, dst: 2, a: 0, b: op >= 40 && op < 60 ? 1 : -1, x: 3, y: 4 }];
      const got = (await runRows(addon, [a, b, new Int32Array(cols)], { rows: 1, cols, slots, code }))[2]!;
      expect([...got], name).toEqual([...a].map((v, i) => of(v, b[i]!)));
    }
  });

  it('round to bf16 at its edges: infinities, the largest, the smallest, every NaN', async () => {
    const bits = Uint32Array.of(0x7f800000, 0xff800000, 0x7f7fffff, 0x7f7f7fff, 0x00018000, 0x00008000, 0x80000000, 0x7f800001);
    const slots = [full(f32, 0, 1, bits.length), full(bf16, 1, 1, bits.length)];
    const arrays = [new Float32Array(bits.buffer), new Uint16Array(bits.length)];
    const program = { rows: 1, cols: bits.length, slots, code: [{ op: 1, dst: 1, a: 0 }] };
    const [, got] = await runRows(addon, arrays, program);
    expect([...got!]).toEqual([0x7f80, 0xff80, 0x7f80, 0x7f7f, 0x0002, 0x0000, 0x8000, 0x7fc0]);
  });

  it('convert between types: truncating, saturating, rounding to the nearest even bf16', async () => {
    const x = Float32Array.of(1.9, -1.9, 3e9, -3e9, Number.NaN, 0.5, 1.00390625, 1.01171875, 255.7, 300, -4);
    const cols = x.length;
    const outputs = [
      full(i32, 1, 1, cols),
      full(f64, 2, 1, cols),
      full(bf16, 3, 1, cols),
      full(u8, 4, 1, cols),
      full(bool, 5, 1, cols),
    ];
    const code = outputs.map((_, i) => ({ op: 1, dst: i + 1, a: 0 }));
    const arrays = [
      x,
      new Int32Array(cols),
      new Float64Array(cols),
      new Uint16Array(cols),
      new Uint8Array(cols),
      new Uint8Array(cols),
    ];
    const got = await runRows(addon, arrays, { rows: 1, cols, slots: [full(f32, 0, 1, cols), ...outputs], code });
    expect([...got[1]!]).toEqual([1, -1, 2147483647, -2147483648, 0, 0, 1, 1, 255, 300, -4]);
    expect([...got[2]!]).toEqual([...x]);
    const widened = [...got[3]!].map((bits) => new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!);
    expect(widened.slice(5, 8)).toEqual([0.5, 1, 1.015625]);
    expect(widened[4]).toBeNaN();
    expect([...got[4]!]).toEqual([1, 0, 255, 0, 0, 0, 1, 1, 255, 255, 0]);
    expect([...got[5]!]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    // and back
    const back = [1, 2, 3, 4, 5].map((i) => full([i32, f64, bf16, u8, bool][i - 1]!, i - 1, 1, cols));
    const results = back.map((_, i) => full(f32, 5 + i, 1, cols));
    const moved = [...got.slice(1), ...results.map(() => new Float32Array(cols))];
    const backCode = back.map((_, i) => ({ op: 1, dst: 5 + i, a: i }));
    const again = await runRows(addon, moved, { rows: 1, cols, slots: [...back, ...results], code: backCode });
    expect([...again[5]!]).toEqual([...got[1]!].map(Math.fround));
    expect([...again[6]!]).toEqual([...x]);
    expect([...again[7]!]).toEqual(widened);
    expect([...again[8]!]).toEqual([...got[4]!]);
    expect([...again[9]!]).toEqual([...got[5]!]);
  });
};
