/** What whole row programs promise: bits, memory, extents */
import { expect, it } from 'vitest';
import type { NativeAddon } from '../../src/compile/native/addon.js';
import {
  bf16,
  f32,
  f64,
  full,
  memory,
  perColumn,
  perRow,
  type RowInstruction,
  realArray,
  register,
  rowRegister,
  runRows,
  scalar,
  values,
} from './assemble.js';
import { expectClose, sameBits } from './expectations.js';

const gelu = (x: number) => x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

export const programsSuite = (addon: NativeAddon): void => {
  it('never let a fused opcode differ by a bit from its chain of primitives', async () => {
    const [rows, cols] = [11, 53];
    const k = 2 * Math.sqrt(2 / Math.PI);
    const chains: Record<string, { fused: RowInstruction; chain: RowInstruction[] }> = {
      affine: {
        fused: { op: 70, dst: 3, a: 0, x: 1.7, y: 0.3 },
        chain: [
          { op: 72, dst: 5, x: 1.7 },
          { op: 72, dst: 6, x: 0.3 },
          { op: 42, dst: 5, a: 0, b: 5 },
          { op: 40, dst: 4, a: 5, b: 6 },
        ],
      },
      mulAdd2: {
        fused: { op: 63, dst: 3, a: 0, b: 1, c: 2 },
        chain: [
          { op: 42, dst: 5, a: 0, b: 1 },
          { op: 40, dst: 4, a: 5, b: 2 },
        ],
      },
      scaleRowColumn: {
        fused: { op: 62, dst: 3, a: 0, b: 1, c: 2 },
        chain: [
          { op: 42, dst: 5, a: 0, b: 1 },
          { op: 42, dst: 4, a: 5, b: 2 },
        ],
      },
      gelu: {
        fused: { op: 25, dst: 3, a: 0 },
        chain: [
          { op: 42, dst: 5, a: 0, b: 0 },
          { op: 70, dst: 5, a: 5, x: 0.044715 * 1.5957691216057308, y: k },
          { op: 42, dst: 5, a: 5, b: 0 },
          { op: 19, dst: 5, a: 5 },
          { op: 42, dst: 4, a: 0, b: 5 },
        ],
      },
      sigmoid: {
        fused: { op: 19, dst: 3, a: 0 },
        chain: [
          { op: 10, dst: 5, a: 0 },
          { op: 12, dst: 5, a: 5 },
          { op: 70, dst: 5, a: 5, x: 1, y: 1 },
          { op: 17, dst: 4, a: 5 },
        ],
      },
      softplus: {
        fused: { op: 24, dst: 3, a: 0 },
        chain: [
          { op: 11, dst: 5, a: 0 },
          { op: 10, dst: 5, a: 5 },
          { op: 12, dst: 5, a: 5 },
          { op: 14, dst: 5, a: 5 },
          { op: 71, dst: 6, a: 0, x: 0 },
          { op: 40, dst: 4, a: 6, b: 5 },
        ],
      },
      rsqrt: {
        fused: { op: 16, dst: 3, a: 0 },
        chain: [
          { op: 15, dst: 5, a: 0 },
          { op: 17, dst: 4, a: 5 },
        ],
      },
      rowDot: {
        fused: { op: 82, dst: 7, a: 0, b: 2 },
        chain: [
          { op: 42, dst: 5, a: 0, b: 2 },
          { op: 80, dst: 8, a: 5 },
          { op: 1, dst: 3, a: 7 },
          { op: 1, dst: 4, a: 8 },
        ],
      },
    };
    for (const [name, { fused, chain }] of Object.entries(chains)) {
      for (const dtype of [f32, f64]) {
        const slots = [
          full(dtype, 0, rows, cols),
          perRow(dtype, 1, rows),
          perColumn(dtype, 2),
          full(dtype, 3, rows, cols),
          full(dtype, 4, rows, cols),
          register(dtype),
          register(dtype),
          rowRegister(dtype),
          rowRegister(dtype),
        ];
        const arrays = [
          realArray(dtype, values(rows * cols, 5)),
          realArray(dtype, values(rows, 6)),
          realArray(dtype, values(cols, 7)),
          realArray(dtype, rows * cols),
          realArray(dtype, rows * cols),
        ];
        const got = await runRows(addon, arrays, { rows, cols, slots, code: [fused, ...chain] });
        expect(sameBits(got[3]!, got[4]!), name).toBe(true);
        expect(got[3]!.some((v) => v !== 0)).toBe(true);
      }
    }
  });

  it('read and write permuted, broadcast and narrow memory as if it were copied before', async () => {
    const [batch, heads, length, dim] = [2, 3, 5, 7];
    const rows = batch * heads * length;
    const x = values(batch * length * heads * dim, 21);
    // [batch, length, heads, dim] seen as [batch, heads, length] rows, scaled by a bf16 column, written transposed.
    const permuted = memory(2, f32, 0, {
      sizes: [batch, heads, length],
      strides: [length * heads * dim, dim, heads * dim],
    });
    const scale = Uint16Array.from({ length: dim }, (_, i) => 0x3f80 + i * 8);
    const shift = values(batch * length, 22);
    const shared = memory(3, f32, 2, { sizes: [batch, heads, length], strides: [length, 0, 1], columnStride: 0 });
    const out = memory(2, f32, 3, { sizes: [batch, heads, length], strides: [length * heads * dim, dim, heads * dim] });
    const slots = [permuted, perColumn(bf16, 1), shared, out, register(f32)];
    const code = [
      { op: 42, dst: 4, a: 0, b: 1 },
      { op: 40, dst: 3, a: 4, b: 2 },
    ];
    const got = (
      await runRows(addon, [x, scale, shift, new Float32Array(x.length)], { rows, cols: dim, slots, code })
    )[3]!;
    const scales = [...scale].map((bits) => new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!);
    expectClose(
      got,
      (i) => Math.fround(x[i]! * scales[i % dim]!) + shift[Math.floor(i / dim / heads)]!,
      1e-6,
      'permuted',
    );
  });

  it('read what was written to a narrow slot as memory holds it', async () => {
    const x = values(33, 23);
    const slots = [full(f32, 0, 1, 33), full(bf16, 1, 1, 33), full(f32, 2, 1, 33)];
    const code = [
      { op: 70, dst: 1, a: 0, x: 1.1, y: 0 },
      { op: 1, dst: 2, a: 1 },
    ];
    const [, narrow, wide] = await runRows(addon, [x, new Uint16Array(33), new Float32Array(33)], {
      rows: 1,
      cols: 33,
      slots,
      code,
    });
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

  it('give the same bits for any number of threads and any task', async () => {
    const [rows, cols] = [333, 77];
    const a = values(rows * cols, 41);
    const slots = [
      full(f32, 0, rows, cols),
      full(f32, 1, rows, cols),
      rowRegister(f32),
      register(f32),
      rowRegister(f32),
    ];
    const code = [
      { op: 81, dst: 2, a: 0 },
      { op: 41, dst: 3, a: 0, b: 2 },
      { op: 12, dst: 3, a: 3 },
      { op: 80, dst: 4, a: 3 },
      { op: 43, dst: 1, a: 3, b: 4 },
    ];
    const run = async (threads: number, rowsPerTask: number) =>
      (
        await runRows(addon, [a, new Float32Array(a.length)], { rows, cols, rowsPerTask, slots, code }, { threads })
      )[1]!;
    const one = await run(1, 0);
    expect([...one.subarray(0, cols)].reduce((s, v) => s + v, 0)).toBeCloseTo(1, 5);
    for (const [threads, rowsPerTask] of [
      [2, 1],
      [4, 7],
      [3, 100],
    ] as const) {
      expect(sameBits(await run(threads, rowsPerTask), one)).toBe(true);
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
    const slots = (r: number, c: number) => [
      full(f32, 0, r, c),
      full(f32, 2, r, c),
      register(f32),
      scalar(f32, 1),
      rowRegister(f32),
    ];
    const out = () => new Float32Array(a.length);
    const [, , byRows] = await runRows(addon, [a, lr, out()], { rows, cols, slots: slots(rows, cols), code });
    const n = rows * cols;
    const [, , flat] = await runRows(
      addon,
      [a, lr, out()],
      { rows: 1, cols: n, flat: true, slots: slots(1, n), code },
      { threads: 3 },
    );
    expect(sameBits(byRows!, flat!)).toBe(true);
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
};
