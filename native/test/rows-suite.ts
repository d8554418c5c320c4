/** What row programs promise, for one instruction set; run by src/compile/native/rows*.test.ts. */
import { describe, expect, it } from 'vitest';
import { type NativeAddon, loadAddon } from '../../src/compile/native/addon.js';
import {
  type Data,
  type RowInstruction,
  type Slot,
  bf16,
  bitsOf,
  bool,
  columnSum,
  f32,
  f64,
  full,
  i32,
  memory,
  perColumn,
  perRow,
  register,
  rowRegister,
  runRows,
  scalar,
  u8,
  values,
} from './assemble.js';

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const gelu = (x: number) => x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));

type Op = { op: number; of: (a: number, b: number, c: number) => number; positive?: boolean; integer?: boolean };

const unary: Record<string, Op> = {
  convert: { op: 1, of: (a) => a },
  negate: { op: 10, of: (a) => -a },
  absolute: { op: 11, of: Math.abs },
  exp: { op: 12, of: Math.exp },
  log: { op: 13, of: Math.log, positive: true },
  log1p: { op: 14, of: Math.log1p, positive: true },
  sqrt: { op: 15, of: Math.sqrt, positive: true },
  rsqrt: { op: 16, of: (a) => 1 / Math.sqrt(a), positive: true },
  reciprocal: { op: 17, of: (a) => 1 / a, positive: true },
  tanh: { op: 18, of: Math.tanh },
  sigmoid: { op: 19, of: sigmoid },
  sin: { op: 20, of: Math.sin },
  cos: { op: 21, of: Math.cos },
  floor: { op: 22, of: Math.floor },
  softplus: { op: 24, of: (a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a))) },
  gelu: { op: 25, of: gelu },
};

const binary: Record<string, Op> = {
  add: { op: 40, of: (a, b) => a + b },
  subtract: { op: 41, of: (a, b) => a - b },
  multiply: { op: 42, of: (a, b) => a * b },
  divide: { op: 43, of: (a, b) => a / b, positive: true },
  max: { op: 44, of: (a, b) => Math.max(a, b) },
  min: { op: 45, of: (a, b) => Math.min(a, b) },
  geluGradient: {
    op: 54,
    of: (x, dy) => {
      const s = sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));
      return dy * (s + x * s * (1 - s) * 2 * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x));
    },
  },
  pow: { op: 55, of: Math.pow, positive: true },
};

const ternary: Record<string, Op> = {
  multiplyAdd: { op: 61, of: (a, b, c) => a * b + c },
  scaleRowColumn: { op: 62, of: (a, b, c) => a * b * c },
  mulAdd2: { op: 63, of: (a, b, c) => a * b + c },
};

const shapes: [number, number][] = [
  [7, 37],
  [3, 1],
  [1, 100],
  [130, 16],
  [5, 2500],
];

/** Operand forms by name: slot and value at (r, c). */
const forms = ['full', 'row', 'column', 'scalar'] as const;
type Form = (typeof forms)[number];

const operandOf = (form: Form, dtype: number, index: number, rows: number, cols: number): Slot =>
  form === 'full'
    ? full(dtype, index, rows, cols)
    : form === 'row'
      ? perRow(dtype, index, rows)
      : form === 'column'
        ? perColumn(dtype, index)
        : scalar(dtype, index);
const sizeOf = (form: Form, rows: number, cols: number) =>
  form === 'full' ? rows * cols : form === 'row' ? rows : form === 'column' ? cols : 1;
const valueAt = (data: Data, form: Form, r: number, c: number, cols: number) =>
  data[form === 'full' ? r * cols + c : form === 'row' ? r : form === 'column' ? c : 0]!;

const expectClose = (got: Data, want: (i: number) => number, tolerance: number, what: string) => {
  for (let i = 0; i < got.length; i++) {
    const expected = want(i);
    const error = Math.abs(got[i]! - expected) / Math.max(1, Math.abs(expected));
    if (!(error <= tolerance)) expect.fail(`${what}: element ${i} is ${got[i]}, expected ${expected}`);
  }
};

export const rowsSuite = (isa: string | undefined): void => {
  if (isa) process.env.NONET_ISA = isa;
  let loaded: NativeAddon | undefined;
  try {
    loaded = loadAddon().addon;
  } catch {
    loaded = undefined; // this CPU lacks the instruction set
  }
  const addon = loaded as NativeAddon;

  describe.skipIf(!loaded)(`row programs (${isa ?? 'default'})`, () => {
    for (const [dtype, kind, tolerance] of [
      [f32, Float32Array, 3e-6],
      [f64, Float64Array, 1e-13],
    ] as const) {
      const name = dtype === f32 ? 'f32' : 'f64';
      const make = (count: number, seed: number, positive: boolean | undefined) =>
        kind.from(values(count, seed), (v) => (positive ? Math.abs(v) + 0.1 : v));

      it(`compute every unary opcode in ${name} on any shape`, async () => {
        for (const [rows, cols] of shapes) {
          for (const [opName, { op, of, positive }] of Object.entries(unary)) {
            const a = make(rows * cols, op, positive);
            const slots = [full(dtype, 0, rows, cols), full(dtype, 1, rows, cols)];
            const code = [{ op, dst: 1, a: 0 }];
            const [, got] = await runRows(addon, [a, new kind(rows * cols)], { rows, cols, slots, code });
            expectClose(got!, (i) => of(a[i]!, 0, 0), tolerance, `${opName} on ${rows}x${cols}`);
          }
        }
      });

      it(`broadcast every binary opcode in ${name} over rows, columns and scalars`, async () => {
        for (const [rows, cols] of [[7, 37], [130, 16]] as const) {
          for (const [opName, { op, of, positive }] of Object.entries(binary)) {
            for (const [fa, fb] of forms.flatMap((x) => forms.map((y) => [x, y] as const))) {
              const a = make(sizeOf(fa, rows, cols), op, positive);
              const b = make(sizeOf(fb, rows, cols), op + 1, positive);
              const slots = [operandOf(fa, dtype, 0, rows, cols), operandOf(fb, dtype, 1, rows, cols), full(dtype, 2, rows, cols)];
              const code = [{ op, dst: 2, a: 0, b: 1 }];
              const [, , got] = await runRows(addon, [a, b, new kind(rows * cols)], { rows, cols, slots, code });
              const want = (i: number) => {
                const r = Math.floor(i / cols);
                return of(valueAt(a, fa, r, i % cols, cols), valueAt(b, fb, r, i % cols, cols), 0);
              };
              expectClose(got!, want, tolerance, `${opName} ${fa} ${fb}`);
            }
          }
        }
      });

      it(`compute ternary opcodes in ${name}, and immediates`, async () => {
        const [rows, cols] = [9, 45];
        for (const [opName, { op, of }] of Object.entries(ternary)) {
          const [a, b, c] = [make(rows * cols, 1, false), make(rows, 2, false), make(cols, 3, false)];
          const slots = [full(dtype, 0, rows, cols), perRow(dtype, 1, rows), perColumn(dtype, 2), full(dtype, 3, rows, cols)];
          const code = [{ op, dst: 3, a: 0, b: 1, c: 2 }];
          const got = (await runRows(addon, [a, b, c, new kind(rows * cols)], { rows, cols, slots, code }))[3]!;
          expectClose(got, (i) => of(a[i]!, b[Math.floor(i / cols)]!, c[i % cols]!), tolerance, opName);
        }
        const a = make(rows * cols, 4, false);
        const slots = [full(dtype, 0, rows, cols), ...[1, 2, 3].map((i) => full(dtype, i, rows, cols))];
        const code = [
          { op: 70, dst: 1, a: 0, x: 3, y: -0.5 },
          { op: 71, dst: 2, a: 0, x: 0.25 },
          { op: 72, dst: 3, x: 1.5 },
        ];
        const empty = () => new kind(rows * cols);
        const [, affine, clipped, constant] = await runRows(addon, [a, empty(), empty(), empty()], { rows, cols, slots, code });
        expectClose(affine!, (i) => a[i]! * 3 - 0.5, tolerance, 'affine');
        expectClose(clipped!, (i) => Math.max(a[i]!, 0.25), 0, 'maxImmediate');
        expectClose(constant!, () => 1.5, 0, 'constant');
      });

      it(`reduce rows in ${name}`, async () => {
        for (const [rows, cols] of shapes) {
          const a = make(rows * cols, 11, false);
          const b = make(rows * cols, 12, false);
          const slots = [
            full(dtype, 0, rows, cols),
            full(dtype, 1, rows, cols),
            perRow(dtype, 2, rows),
            perRow(dtype, 3, rows),
            perRow(dtype, 4, rows),
            perRow(i32, 5, rows),
          ];
          const code = [
            { op: 80, dst: 2, a: 0 },
            { op: 81, dst: 3, a: 0 },
            { op: 82, dst: 4, a: 0, b: 1 },
            { op: 84, dst: 5, a: 0 },
          ];
          const empty = () => new kind(rows);
          const arrays = [a, b, empty(), empty(), empty(), new Int32Array(rows)];
          const [, , sum, max, dot, arg] = await runRows(addon, arrays, { rows, cols, slots, code });
          const row = (data: Data, r: number) => [...data.subarray(r * cols, (r + 1) * cols)];
          expectClose(sum!, (r) => row(a, r).reduce((s, v) => s + v, 0), tolerance * 30, 'rowSum');
          expectClose(max!, (r) => Math.max(...row(a, r)), 0, 'rowMax');
          expectClose(dot!, (r) => row(a, r).reduce((s, v, i) => s + v * b[r * cols + i]!, 0), tolerance * 100, 'rowDot');
          expectClose(arg!, (r) => row(a, r).indexOf(Math.max(...row(a, r))), 0, 'rowArgmax');
        }
      });

      it(`compare and select in ${name}, NaN never equal nor less`, async () => {
        const a = kind.of(1, 2, Number.NaN, 4, Number.POSITIVE_INFINITY, -1);
        const b = kind.of(2, 2, 1, Number.NaN, 5, 0);
        const cols = a.length;
        const slots = [perColumn(dtype, 0), perColumn(dtype, 1), ...[2, 3, 4, 5].map((i) => full(i32, i, 1, cols)), full(dtype, 6, 1, cols)];
        const code = [
          { op: 46, dst: 2, a: 0, b: 1 },
          { op: 47, dst: 3, a: 0, b: 1 },
          { op: 48, dst: 4, a: 0, b: 1 },
          { op: 23, dst: 5, a: 0 },
          { op: 60, dst: 6, a: 2, b: 0, c: 1 },
        ];
        const mask = () => new Int32Array(cols);
        const got = await runRows(addon, [a, b, mask(), mask(), mask(), mask(), new kind(cols)], { rows: 1, cols, slots, code });
        expect([...got[2]!]).toEqual([1, 0, 0, 0, 0, 1]);
        expect([...got[3]!]).toEqual([1, 1, 0, 0, 0, 1]);
        expect([...got[4]!]).toEqual([0, 1, 0, 0, 0, 0]);
        expect([...got[5]!]).toEqual([1, 1, 0, 1, 0, 1]);
        expect([...got[6]!]).toEqual([1, 2, 1, Number.NaN, 5, -1]);
      });

      it(`let NaN through max, min and rowMax in ${name}`, async () => {
        const a = kind.from({ length: 40 }, (_, i) => (i === 17 ? Number.NaN : i));
        const b = kind.from({ length: 40 }, (_, i) => (i === 3 ? Number.NaN : 20));
        const slots = [full(dtype, 0, 1, 40), full(dtype, 1, 1, 40), full(dtype, 2, 1, 40), full(dtype, 3, 1, 40), perRow(dtype, 4, 1)];
        const code = [
          { op: 44, dst: 2, a: 0, b: 1 },
          { op: 45, dst: 3, a: 0, b: 1 },
          { op: 81, dst: 4, a: 0 },
        ];
        const got = await runRows(addon, [a, b, new kind(40), new kind(40), new kind(1)], { rows: 1, cols: 40, slots, code });
        expect([...got[2]!]).toEqual([...a].map((v, i) => Math.max(v, b[i]!)));
        expect([...got[3]!]).toEqual([...a].map((v, i) => Math.min(v, b[i]!)));
        expect(got[4]![0]).toBeNaN();
      });
    }

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

    it('convert between types: truncating, saturating, rounding to the nearest even bf16', async () => {
      const x = Float32Array.of(1.9, -1.9, 3e9, -3e9, Number.NaN, 0.5, 1.00390625, 1.01171875, 255.7, 300, -4);
      const cols = x.length;
      const outputs = [full(i32, 1, 1, cols), full(f64, 2, 1, cols), full(bf16, 3, 1, cols), full(u8, 4, 1, cols), full(bool, 5, 1, cols)];
      const code = outputs.map((_, i) => ({ op: 1, dst: i + 1, a: 0 }));
      const arrays = [x, new Int32Array(cols), new Float64Array(cols), new Uint16Array(cols), new Uint8Array(cols), new Uint8Array(cols)];
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

    it('never let a fused opcode differ by a bit from its chain of primitives', async () => {
      const [rows, cols] = [11, 53];
      const k = 2 * Math.sqrt(2 / Math.PI);
      const chains: Record<string, { fused: RowInstruction; chain: RowInstruction[] }> = {
        affine: { fused: { op: 70, dst: 3, a: 0, x: 1.7, y: 0.3 }, chain: [
          { op: 72, dst: 5, x: 1.7 }, { op: 72, dst: 6, x: 0.3 }, { op: 42, dst: 5, a: 0, b: 5 }, { op: 40, dst: 4, a: 5, b: 6 } ] },
        mulAdd2: { fused: { op: 63, dst: 3, a: 0, b: 1, c: 2 }, chain: [{ op: 42, dst: 5, a: 0, b: 1 }, { op: 40, dst: 4, a: 5, b: 2 }] },
        scaleRowColumn: { fused: { op: 62, dst: 3, a: 0, b: 1, c: 2 }, chain: [{ op: 42, dst: 5, a: 0, b: 1 }, { op: 42, dst: 4, a: 5, b: 2 }] },
        gelu: { fused: { op: 25, dst: 3, a: 0 }, chain: [
          { op: 42, dst: 5, a: 0, b: 0 }, { op: 70, dst: 5, a: 5, x: 0.044715 * 1.5957691216057308, y: k },
          { op: 42, dst: 5, a: 5, b: 0 }, { op: 19, dst: 5, a: 5 }, { op: 42, dst: 4, a: 0, b: 5 } ] },
        sigmoid: { fused: { op: 19, dst: 3, a: 0 }, chain: [
          { op: 10, dst: 5, a: 0 }, { op: 12, dst: 5, a: 5 }, { op: 70, dst: 5, a: 5, x: 1, y: 1 }, { op: 17, dst: 4, a: 5 } ] },
        softplus: { fused: { op: 24, dst: 3, a: 0 }, chain: [
          { op: 11, dst: 5, a: 0 }, { op: 10, dst: 5, a: 5 }, { op: 12, dst: 5, a: 5 }, { op: 14, dst: 5, a: 5 },
          { op: 71, dst: 6, a: 0, x: 0 }, { op: 40, dst: 4, a: 6, b: 5 } ] },
        rsqrt: { fused: { op: 16, dst: 3, a: 0 }, chain: [{ op: 15, dst: 5, a: 0 }, { op: 17, dst: 4, a: 5 }] },
        rowDot: { fused: { op: 82, dst: 7, a: 0, b: 2 }, chain: [{ op: 42, dst: 5, a: 0, b: 2 }, { op: 80, dst: 8, a: 5 },
          { op: 1, dst: 3, a: 7 }, { op: 1, dst: 4, a: 8 }] },
      };
      for (const [name, { fused, chain }] of Object.entries(chains)) {
        for (const dtype of [f32, f64]) {
          const kind = dtype === f32 ? Float32Array : Float64Array;
          const slots = [
            full(dtype, 0, rows, cols), perRow(dtype, 1, rows), perColumn(dtype, 2), full(dtype, 3, rows, cols),
            full(dtype, 4, rows, cols), register(dtype), register(dtype), rowRegister(dtype), rowRegister(dtype),
          ];
          const arrays = [kind.from(values(rows * cols, 5)), kind.from(values(rows, 6)), kind.from(values(cols, 7)), new kind(rows * cols), new kind(rows * cols)];
          const got = await runRows(addon, arrays, { rows, cols, slots, code: [fused, ...chain] });
          expect(Buffer.compare(bitsOf(got[3]!), bitsOf(got[4]!)), name).toBe(0);
          expect(got[3]!.some((v) => v !== 0)).toBe(true);
        }
      }
    });

    it('read and write permuted, broadcast and narrow memory as if it were copied before', async () => {
      const [batch, heads, length, dim] = [2, 3, 5, 7];
      const rows = batch * heads * length;
      const x = values(batch * length * heads * dim, 21);
      // [batch, length, heads, dim] seen as [batch, heads, length] rows, scaled by a bf16 column, written transposed.
      const permuted = memory(2, f32, 0, { sizes: [batch, heads, length], strides: [length * heads * dim, dim, heads * dim] });
      const scale = Uint16Array.from({ length: dim }, (_, i) => 0x3f80 + i * 8);
      const shift = values(batch * length, 22);
      const shared = memory(3, f32, 2, { sizes: [batch, heads, length], strides: [length, 0, 1], columnStride: 0 });
      const out = memory(2, f32, 3, { sizes: [batch, heads, length], strides: [length * heads * dim, dim, heads * dim] });
      const slots = [permuted, perColumn(bf16, 1), shared, out, register(f32)];
      const code = [
        { op: 42, dst: 4, a: 0, b: 1 },
        { op: 40, dst: 3, a: 4, b: 2 },
      ];
      const got = (await runRows(addon, [x, scale, shift, new Float32Array(x.length)], { rows, cols: dim, slots, code }))[3]!;
      const scales = [...scale].map((bits) => new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!);
      expectClose(got, (i) => Math.fround(x[i]! * scales[i % dim]!) + shift[Math.floor(i / dim / heads)]!, 1e-6, 'permuted');
    });

    it('read what was written to a narrow slot as memory holds it', async () => {
      const x = values(33, 23);
      const slots = [full(f32, 0, 1, 33), full(bf16, 1, 1, 33), full(f32, 2, 1, 33)];
      const code = [
        { op: 70, dst: 1, a: 0, x: 1.1, y: 0 },
        { op: 1, dst: 2, a: 1 },
      ];
      const [, narrow, wide] = await runRows(addon, [x, new Uint16Array(33), new Float32Array(33)], { rows: 1, cols: 33, slots, code });
      expect([...wide!]).toEqual([...narrow!].map((bits) => new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!));
    });

    it('compute in place', async () => {
      const x = values(64 * 40, 24);
      const slots = [full(f32, 0, 64, 40), perRow(f32, 1, 64)];
      const code = [
        { op: 80, dst: 1, a: 0 },
        { op: 43, dst: 0, a: 0, b: 1 },
      ];
      const [got, sums] = await runRows(addon, [x, new Float32Array(64)], { rows: 64, cols: 40, slots, code });
      expectClose(got!, (i) => x[i]! / sums![Math.floor(i / 40)]!, 0.0001, 'in place');
    });

    for (const [rows, cols] of [[1, 5], [64, 3], [65, 33], [700, 20], [300, 1], [130, 3000]] as const) {
      it(`sum ${rows} x ${cols} over rows with the same bits whatever the task and the threads`, async () => {
        const tasks = addon.sumTasks(rows, cols);
        const [a, b] = [values(rows * cols, 31), values(rows * cols, 32)];
        const slots = [
          full(f32, 0, rows, cols), full(f32, 1, rows, cols), columnSum(f32, 2, 3), columnSum(f32, 4, 5), columnSum(f64, 6, 7),
          register(f32), columnSum(f32, 8, 9),
        ];
        const code = [
          { op: 90, dst: 2, a: 0 },
          { op: 91, dst: 3, a: 0, b: 1 },
          { op: 90, dst: 4, a: 0 },
          { op: 42, dst: 5, a: 0, b: 1 },
          { op: 90, dst: 6, a: 5 },
        ];
        const sums = () => [new Float32Array(cols), new Float32Array(tasks * cols)];
        const arrays = [a, b, ...sums(), ...sums(), new Float64Array(cols), new Float64Array(tasks * cols), ...sums()];
        const run = (rowsPerTask: number, threads: number) => runRows(addon, arrays, { rows, cols, rowsPerTask, slots, code }, { threads });
        const got = await run(0, 1);
        const exact = new Float64Array(cols);
        for (let i = 0; i < a.length; i++) exact[i % cols]! += a[i]!;
        expectClose(got[2]!, (c) => exact[c]!, 1e-4, 'columnSum');
        expectClose(got[6]!, (c) => exact[c]!, 1e-13, 'columnSum in f64');
        expect([...got[4]!]).toEqual([...got[8]!]); // columnDot is columnSum of the product
        for (const [rowsPerTask, threads] of [[1, 1], [100, 2], [0, 4], [128, 3]] as const) {
          const other = await run(rowsPerTask, threads);
          for (const i of [2, 4, 6]) expect(Buffer.compare(bitsOf(other[i]!), bitsOf(got[i]!))).toBe(0);
        }
      });
    }

    it('sum one value per row to a single value', async () => {
      const rows = 1000;
      const tasks = addon.sumTasks(rows, 1);
      const a = values(rows * 9, 33);
      const slots = [full(f32, 0, rows, 9), rowRegister(f32), columnSum(f64, 1, 2)];
      const code = [
        { op: 80, dst: 1, a: 0 },
        { op: 90, dst: 2, a: 1 },
      ];
      const got = await runRows(addon, [a, new Float64Array(1), new Float64Array(tasks)], { rows, cols: 9, slots, code });
      expect(got[1]![0]).toBeCloseTo([...a].reduce((s, v) => s + v, 0), 3);
    });

    it('give the same bits for any number of threads and any task', async () => {
      const [rows, cols] = [333, 77];
      const a = values(rows * cols, 41);
      const slots = [full(f32, 0, rows, cols), full(f32, 1, rows, cols), rowRegister(f32), register(f32), rowRegister(f32)];
      const code = [
        { op: 81, dst: 2, a: 0 },
        { op: 41, dst: 3, a: 0, b: 2 },
        { op: 12, dst: 3, a: 3 },
        { op: 80, dst: 4, a: 3 },
        { op: 43, dst: 1, a: 3, b: 4 },
      ];
      const run = async (threads: number, rowsPerTask: number) =>
        (await runRows(addon, [a, new Float32Array(a.length)], { rows, cols, rowsPerTask, slots, code }, { threads }))[1]!;
      const one = await run(1, 0);
      expect(one.subarray(0, cols).reduce((s, v) => s + v, 0)).toBeCloseTo(1, 5);
      for (const [threads, rowsPerTask] of [[2, 1], [4, 7], [3, 100]] as const) {
        expect(Buffer.compare(bitsOf(await run(threads, rowsPerTask)), bitsOf(one))).toBe(0);
      }
    });

    it('give a flat program the same bits as one with rows', async () => {
      const [rows, cols] = [37, 1234];
      const a = values(rows * cols, 42);
      const lr = Float32Array.of(0.3);
      const code = [
        { op: 25, dst: 2, a: 0 },
        { op: 70, dst: 4, a: 3, x: 2, y: 0 },
        { op: 63, dst: 1, a: 2, b: 4, c: 0 },
      ];
      const slots = (r: number, c: number) => [full(f32, 0, r, c), full(f32, 2, r, c), register(f32), scalar(f32, 1), rowRegister(f32)];
      const out = () => new Float32Array(a.length);
      const [, , byRows] = await runRows(addon, [a, lr, out()], { rows, cols, slots: slots(rows, cols), code });
      const n = rows * cols;
      const [, , flat] = await runRows(addon, [a, lr, out()], { rows: 1, cols: n, flat: true, slots: slots(1, n), code }, { threads: 3 });
      expect(Buffer.compare(bitsOf(byRows!), bitsOf(flat!))).toBe(0);
      expectClose(flat!, (i) => gelu(a[i]!) * 0.6 + a[i]!, 1e-5, 'flat');
    });

    it('touch only live rows under an extent', async () => {
      const [rows, cols] = [12, 5];
      const a = values(rows * cols, 43);
      const slots = [full(f32, 0, rows, cols), full(f32, 1, rows, cols)];
      for (const extent of [-3, 0, 2, 4, 99]) {
        const arrays = [a, new Float32Array(rows * cols).fill(9), Int32Array.of(extent)];
        const spec = { rows, cols, extentUnit: 3, slots, code: [{ op: 10, dst: 1, a: 0 }] };
        const [, got] = await runRows(addon, arrays, spec);
        const live = Math.min(rows, Math.max(0, extent) * 3) * cols;
        expectClose(got!, (i) => (i < live ? -a[i]! : 9), 0, `extent ${extent}`);
      }
    });

    it('take rows of a million columns with reductions', async () => {
      const cols = 1_000_003;
      const a = values(cols, 44);
      const slots = [full(f32, 0, 1, cols), rowRegister(f32), register(f32), full(f32, 1, 1, cols)];
      const code = [
        { op: 81, dst: 1, a: 0 },
        { op: 41, dst: 2, a: 0, b: 1 },
        { op: 10, dst: 3, a: 2 },
      ];
      const [, got] = await runRows(addon, [a, new Float32Array(cols)], { rows: 1, cols, slots, code });
      const top = a.reduce((m, v) => Math.max(m, v), Number.NEGATIVE_INFINITY);
      expectClose(got!, (i) => Math.fround(top - a[i]!), 1e-6, 'long row');
    });

    it('draw random numbers from seed, step, stream and index alone', async () => {
      const [rows, cols] = [40, 100];
      const n = rows * cols;
      const draw = async (op: number, seed: number, step: number, x: number, y: number, r = rows, c = cols, rowsPerTask = 0, threads = 1) => {
        const slots = [scalar(i32, 0), scalar(i32, 1), full(f32, 2, r, c)];
        const code = [{ op, dst: 2, a: 0, b: 1, x, y }];
        const arrays = [Int32Array.of(seed), Int32Array.of(step), new Float32Array(r * c)];
        return (await runRows(addon, arrays, { rows: r, cols: c, rowsPerTask, slots, code }, { threads }))[2]!;
      };
      const { threefry2x32 } = await import('../../src/core/random.js');
      for (const op of [100, 101]) {
        const got = await draw(op, -7, 3, 5, 0);
        expectClose(got, (i) => {
          const [w0, w1] = threefry2x32(-7, 3, i, 5);
          if (op === 100) return (w0 >>> 8) * 2 ** -24;
          return Math.sqrt(-2 * Math.log(((w0 >>> 8) + 1) * 2 ** -24)) * Math.cos(2 * Math.PI * (w1 >>> 8) * 2 ** -24);
        }, op === 100 ? 0 : 3e-6, `random ${op}`);
        expect(Buffer.compare(bitsOf(await draw(op, -7, 3, 5, 0, 10, 400, 3, 3)), bitsOf(got))).toBe(0);
        const offset = await draw(op, -7, 3, 5, 17);
        expect([...offset.subarray(0, n - 17)]).toEqual([...got.subarray(17)]);
        for (const other of [await draw(op, 8, 3, 5, 0), await draw(op, -7, 4, 5, 0), await draw(op, -7, 3, 6, 0)]) {
          expect([...other]).not.toEqual([...got]);
        }
      }
    });
  });
};
