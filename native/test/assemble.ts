/**
 * Programs for the native core, written by hand for its tests: words are put together here independently of the compiler's
 * encoder, so that each side is held to the documented format.
 */
import { kernels } from '../../src/compile/lower/instruction.js';
import type { NativeAddon, NativeRunResult } from '../../src/compile/native/addon.js';

export type Data = Float32Array | Float64Array | Int32Array | Uint8Array | Uint16Array;
export type Word = number | bigint;

export const f32 = 0;
export const f64 = 1;
export const bf16 = 2;
export const i32 = 3;
export const u8 = 4;
export const bool = 5;

/** The word that carries a float. */
export const float = (value: number): bigint => {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigInt64(0);
};

export interface Call {
  kernel: number;
  /** [segment, byteOffset]; absent: [-1, 0] */
  operands: readonly (readonly [number, number])[];
  params: readonly Word[];
}

export { kernels as kernel };

/** [kind, bytes, stride] */
export type Segment = readonly [number, number, number];
export const state = (bytes: number, stride = 0): Segment => [1, bytes, stride];

export const assemble = (segments: readonly Segment[], calls: readonly Call[]): Uint8Array => {
  const words: Word[] = [0x4e4f4e4554, 1, 0, segments.length, calls.length, ...segments.flat()];
  for (const { kernel, operands, params } of calls) {
    words.push(kernel, 4 + 2 * operands.length + params.length, operands.length, params.length);
    words.push(...operands.flat());
    for (const param of params) words.push(param);
  }
  words[2] = words.length;
  return new Uint8Array(BigInt64Array.from(words, BigInt).buffer);
};

export interface Outcome {
  result: NativeRunResult;
  /** What the segments hold afterwards. */
  data: Data[];
}

/** Runs calls over arrays, each in a segment of its own, and returns what the arrays hold afterwards. */
export const runOver = async (
  addon: NativeAddon,
  arrays: readonly Data[],
  calls: readonly Call[],
  { threads = 1, repeat = 1, strides = [] as readonly number[] } = {},
): Promise<Outcome> => {
  const segments = arrays.map((array, i) => {
    const stride = strides[i] ?? 0;
    return state(array.byteLength - stride * (repeat - 1), stride);
  });
  const program = addon.load(assemble(segments, calls));
  const buffers = arrays.map((array) => {
    const buffer = addon.allocate(array.byteLength);
    addon.write(buffer, 0, array);
    return buffer;
  });
  try {
    const result = await addon.run(program, buffers, repeat, threads);
    const data = arrays.map((array, i) => {
      const copy = array.slice();
      addon.read(buffers[i]!, 0, copy);
      return copy;
    });
    return { result, data };
  } finally {
    for (const buffer of buffers) addon.free(buffer);
  }
};

/** One kernel whose operands are whole arrays (`undefined`: absent). Returns the arrays afterwards. */
export const runKernel = async (
  addon: NativeAddon,
  number: number,
  arrays: readonly (Data | undefined)[],
  params: readonly Word[],
  options: { threads?: number } = {},
): Promise<Data[]> => {
  const present = arrays.filter((array) => array !== undefined);
  let next = 0;
  const operands = arrays.map((array): [number, number] => (array ? [next++, 0] : [-1, 0]));
  return (await runOver(addon, present, [{ kernel: number, operands, params }], options)).data;
};

/** A slot of a row program: its eleven words. */
export type Slot = readonly Word[];

export interface Layout {
  sizes?: readonly [number, number, number];
  strides?: readonly [number, number, number];
  columnStride?: number;
}

export const register = (dtype: number): Slot => [0, dtype, -1, 0, 0, 0, 0, 0, 0, 0, 0];
export const rowRegister = (dtype: number): Slot => [1, dtype, -1, 0, 0, 0, 0, 0, 0, 0, 0];
export const memory = (kind: 2 | 3 | 4 | 5, dtype: number, operand: number, layout: Layout): Slot => [
  kind,
  dtype,
  operand,
  ...(layout.sizes ?? [1, 1, 1]),
  ...(layout.strides ?? [0, 0, 0]),
  layout.columnStride ?? 1,
  0,
];
export const full = (dtype: number, operand: number, rows: number, cols: number): Slot =>
  memory(2, dtype, operand, { sizes: [1, 1, rows], strides: [0, 0, cols] });
export const perRow = (dtype: number, operand: number, rows: number): Slot =>
  memory(3, dtype, operand, { sizes: [1, 1, rows], strides: [0, 0, 1], columnStride: 0 });
export const perColumn = (dtype: number, operand: number): Slot => memory(4, dtype, operand, {});
export const scalar = (dtype: number, operand: number): Slot => memory(5, dtype, operand, { columnStride: 0 });
export const columnSum = (dtype: number, operand: number, partial: number): Slot => [
  6,
  dtype,
  operand,
  0,
  0,
  0,
  partial,
  0,
  0,
  0,
  0,
];

export interface RowInstruction {
  op: number;
  dst: number;
  a?: number;
  b?: number;
  c?: number;
  x?: number;
  y?: number;
}

export interface RowProgramSpec {
  rows: number;
  cols: number;
  flat?: boolean;
  rowsPerTask?: number;
  extentUnit?: number;
  slots: readonly Slot[];
  code: readonly RowInstruction[];
}

/** Parameters of a row program. */
export const rowParams = (spec: RowProgramSpec): Word[] => [
  spec.rows,
  spec.cols,
  spec.flat ? 1 : 0,
  spec.rowsPerTask ?? 0,
  spec.extentUnit ?? 0,
  spec.slots.length,
  spec.code.length,
  ...spec.slots.flat(),
  ...spec.code.flatMap(({ op, dst, a = -1, b = -1, c = -1, x = 0, y = 0 }) => [op, dst, a, b, c, float(x), float(y)]),
];

/** Runs a row program over arrays, which are its operands in order. */
export const runRows = (
  addon: NativeAddon,
  arrays: readonly Data[],
  spec: RowProgramSpec,
  options: { threads?: number } = {},
): Promise<Data[]> => runKernel(addon, kernels.rowProgram, arrays, rowParams(spec), options);

/** Reproducible values in -scale..scale. */
export const values = (count: number, seed = 1, scale = 2): Float32Array => {
  let s = seed * 2654435761;
  return Float32Array.from({ length: count }, () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return ((s >>> 8) / 0x800000 - 1) * scale;
  });
};

/** An array of a float type, by dtype code. */
export const realArray = (dtype: number, content: number | ArrayLike<number>): Float32Array | Float64Array => {
  if (typeof content === 'number') return dtype === f32 ? new Float32Array(content) : new Float64Array(content);
  return dtype === f32 ? Float32Array.from(content) : Float64Array.from(content);
};

export const bitsOf = (data: Data): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
