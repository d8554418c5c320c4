/** Every opcode of a row program against plain JavaScript. */
import { expect, it } from 'vitest';
import { opcodes } from '../../src/compile/lower/opcodes.js';
import type { NativeAddon } from '../../src/compile/native/addon.js';
import {
  type Data,
  f32,
  f64,
  full,
  i32,
  perColumn,
  perRow,
  realArray,
  runRows,
  type Slot,
  scalar,
  values,
} from './assemble.js';
import { expectClose } from './expectations.js';

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

/** Opcodes of the compiler that have tests of their own: below, of integers in rows-types.ts, of chance in rows-random.ts. */
const apart = [
  ...['isFinite', 'less', 'lessEqual', 'equal', 'select'],
  ...['logicalNot', 'bitAnd', 'bitOr', 'bitXor', 'shiftLeft', 'shiftRight'],
  ...['randomUniform', 'randomNormal'],
];

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

export const opcodesSuite = (addon: NativeAddon): void => {
  it('have an example of every opcode', () => {
    const tried = [unary, binary, ternary].flatMap((ops) => Object.values(ops).map(({ op }) => op));
    const missing = Object.keys(opcodes).filter((name) => !tried.includes(opcodes[name]!) && !apart.includes(name));
    expect(missing, 'opcodes without an example in native/test/rows-opcodes.ts').toEqual([]);
  });

  for (const [dtype, tolerance] of [
    [f32, 3e-6],
    [f64, 1e-13],
  ] as const) {
    const name = dtype === f32 ? 'f32' : 'f64';
    const make = (count: number, seed: number, positive: boolean | undefined) =>
      realArray(
        dtype,
        values(count, seed).map((v) => (positive ? Math.abs(v) + 0.1 : v)),
      );

    it(`compute every unary opcode in ${name} on any shape`, async () => {
      for (const [rows, cols] of shapes) {
        for (const [opName, { op, of, positive }] of Object.entries(unary)) {
          const a = make(rows * cols, op, positive);
          const slots = [full(dtype, 0, rows, cols), full(dtype, 1, rows, cols)];
          const code = [{ op, dst: 1, a: 0 }];
          const [, got] = await runRows(addon, [a, realArray(dtype, rows * cols)], { rows, cols, slots, code });
          expectClose(got!, (i) => of(a[i]!, 0, 0), tolerance, `${opName} on ${rows}x${cols}`);
        }
      }
    });

    it(`broadcast every binary opcode in ${name} over rows, columns and scalars`, async () => {
      for (const [rows, cols] of [
        [7, 37],
        [130, 16],
      ] as const) {
        for (const [opName, { op, of, positive }] of Object.entries(binary)) {
          for (const [fa, fb] of forms.flatMap((x) => forms.map((y) => [x, y] as const))) {
            const a = make(sizeOf(fa, rows, cols), op, positive);
            const b = make(sizeOf(fb, rows, cols), op + 1, positive);
            const slots = [
              operandOf(fa, dtype, 0, rows, cols),
              operandOf(fb, dtype, 1, rows, cols),
              full(dtype, 2, rows, cols),
            ];
            const code = [{ op, dst: 2, a: 0, b: 1 }];
            const [, , got] = await runRows(addon, [a, b, realArray(dtype, rows * cols)], { rows, cols, slots, code });
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
        const slots = [
          full(dtype, 0, rows, cols),
          perRow(dtype, 1, rows),
          perColumn(dtype, 2),
          full(dtype, 3, rows, cols),
        ];
        const code = [{ op, dst: 3, a: 0, b: 1, c: 2 }];
        const got = (await runRows(addon, [a, b, c, realArray(dtype, rows * cols)], { rows, cols, slots, code }))[3]!;
        expectClose(got, (i) => of(a[i]!, b[Math.floor(i / cols)]!, c[i % cols]!), tolerance, opName);
      }
      const a = make(rows * cols, 4, false);
      const slots = [full(dtype, 0, rows, cols), ...[1, 2, 3].map((i) => full(dtype, i, rows, cols))];
      const code = [
        { op: 70, dst: 1, a: 0, x: 3, y: -0.5 },
        { op: 71, dst: 2, a: 0, x: 0.25 },
        { op: 72, dst: 3, x: 1.5 },
      ];
      const empty = () => realArray(dtype, rows * cols);
      const [, affine, clipped, constant] = await runRows(addon, [a, empty(), empty(), empty()], {
        rows,
        cols,
        slots,
        code,
      });
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
        const empty = () => realArray(dtype, rows);
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
      const a = realArray(dtype, [1, 2, Number.NaN, 4, Number.POSITIVE_INFINITY, -1]);
      const b = realArray(dtype, [2, 2, 1, Number.NaN, 5, 0]);
      const cols = a.length;
      const slots = [
        perColumn(dtype, 0),
        perColumn(dtype, 1),
        ...[2, 3, 4, 5].map((i) => full(i32, i, 1, cols)),
        full(dtype, 6, 1, cols),
      ];
      const code = [
        { op: 46, dst: 2, a: 0, b: 1 },
        { op: 47, dst: 3, a: 0, b: 1 },
        { op: 48, dst: 4, a: 0, b: 1 },
        { op: 23, dst: 5, a: 0 },
        { op: 60, dst: 6, a: 2, b: 0, c: 1 },
      ];
      const mask = () => new Int32Array(cols);
      const got = await runRows(addon, [a, b, mask(), mask(), mask(), mask(), realArray(dtype, cols)], {
        rows: 1,
        cols,
        slots,
        code,
      });
      expect([...got[2]!]).toEqual([1, 0, 0, 0, 0, 1]);
      expect([...got[3]!]).toEqual([1, 1, 0, 0, 0, 1]);
      expect([...got[4]!]).toEqual([0, 1, 0, 0, 0, 0]);
      expect([...got[5]!]).toEqual([1, 1, 0, 1, 0, 1]);
      expect([...got[6]!]).toEqual([1, 2, 1, Number.NaN, 5, -1]);
    });

    it(`let NaN through max, min and rowMax in ${name}`, async () => {
      const a = realArray(
        dtype,
        Array.from({ length: 40 }, (_, i) => (i === 17 ? Number.NaN : i)),
      );
      const b = realArray(
        dtype,
        Array.from({ length: 40 }, (_, i) => (i === 3 ? Number.NaN : 20)),
      );
      const slots = [
        full(dtype, 0, 1, 40),
        full(dtype, 1, 1, 40),
        full(dtype, 2, 1, 40),
        full(dtype, 3, 1, 40),
        perRow(dtype, 4, 1),
      ];
      const code = [
        { op: 44, dst: 2, a: 0, b: 1 },
        { op: 45, dst: 3, a: 0, b: 1 },
        { op: 81, dst: 4, a: 0 },
      ];
      const got = await runRows(addon, [a, b, realArray(dtype, 40), realArray(dtype, 40), realArray(dtype, 1)], {
        rows: 1,
        cols: 40,
        slots,
        code,
      });
      expect([...got[2]!]).toEqual([...a].map((v, i) => Math.max(v, b[i]!)));
      expect([...got[3]!]).toEqual([...a].map((v, i) => Math.min(v, b[i]!)));
      expect(got[4]![0]).toBeNaN();
    });
  }
};
