/**
 * A valid call of every kernel over four small segments, for tests that break programs: what each one needs lies in a
 * piece of its own.
 */
import {
  bf16,
  bool,
  type Call,
  columnSum,
  f32,
  f64,
  float,
  full,
  i32,
  kernel,
  memory,
  perColumn,
  perRow,
  register,
  rowParams,
  rowRegister,
  type Segment,
  scalar,
  state,
  u8,
} from './assemble.js';
import { gemmParams } from './gemm-call.js';

/** Floats that are written, floats that are read, constants that are small whole numbers, a place for results. */
export const validSegments: readonly Segment[] = [state(8192), [2, 2048, 2048], [4, 1024, 0], [3, 2048, 2048]];

const [written, read, whole, result] = [0, 1, 2, 3] as const;
const at = (segment: number, piece = 0): [number, number] => [segment, piece * 1024];

/** The whole of a key/value head and its neighbours: batch, position and head stride of [2, 4, 2, 8]. */
const heads = [64, 16, 8];

const rowProgram = (operands: readonly [number, number][], spec: Parameters<typeof rowParams>[0]): Call => ({
  kernel: kernel.rowProgram,
  operands,
  params: rowParams(spec),
});

export const validCalls: Readonly<Record<string, readonly Call[]>> = {
  gemm: [
    {
      kernel: kernel.gemm,
      operands: [at(read), at(read, 1), at(written), at(whole)],
      params: gemmParams({ m: 8, n: 9, k: 10, extentUnit: 4 }),
    },
    {
      kernel: kernel.gemm,
      operands: [at(read), at(read, 1), at(written)],
      params: gemmParams({
        m: 4,
        n: 5,
        k: 6,
        transA: true,
        transB: true,
        accumulate: true,
        batch: [2, 3],
        strides: [72, 24, 90, 30, 60, 20],
      }),
    },
  ],
  'gemm with a row program attached': [
    {
      kernel: kernel.gemm,
      operands: [at(read), at(read, 1), at(written)],
      params: gemmParams({ m: 8, n: 9, k: 10, attached: true }),
    },
    rowProgram([at(written), at(written, 1)], {
      rows: 8,
      cols: 9,
      slots: [full(f32, 0, 8, 9), full(f32, 1, 8, 9)],
      code: [{ op: 25, dst: 1, a: 0 }],
    }),
  ],
  gemmBf16: [
    {
      kernel: kernel.gemmBf16,
      operands: [at(read), at(read, 1), at(written), at(whole)],
      params: [8, 9, 10, 10, 0, 9, 0, 9, 1, 1, 0, 0, 0, 0, 0, 0, 4],
    },
    {
      kernel: kernel.gemmBf16,
      operands: [at(read), at(read, 1), at(written)],
      params: [4, 5, 6, 4, 1, 6, 1, 5, 2, 3, 72, 24, 90, 30, 60, 20, 0],
    },
  ],
  packWeights: [{ kernel: kernel.packWeights, operands: [at(read), at(written)], params: [9, 20, 20, 0, 1] }],
  'packWeights of a convolution': [
    { kernel: kernel.packWeights, operands: [at(read), at(written)], params: [12, 18, 4, 1, 3] },
  ],
  'row program of elements': [
    rowProgram([at(read), at(written), at(whole), at(written, 2), at(written, 3), at(result)], {
      rows: 6,
      cols: 20,
      slots: [
        memory(2, f32, 0, { sizes: [1, 2, 3], strides: [0, 61, 20] }),
        full(bf16, 1, 6, 20),
        perColumn(u8, 2),
        full(bool, 3, 6, 20),
        full(f64, 4, 6, 20),
        scalar(i32, 2),
        register(f32),
        register(i32),
        register(f64),
        full(i32, 5, 6, 20),
      ],
      code: [
        { op: 19, dst: 6, a: 0 },
        { op: 40, dst: 6, a: 6, b: 0 },
        { op: 1, dst: 1, a: 6 },
        { op: 46, dst: 7, a: 0, b: 6 },
        { op: 1, dst: 3, a: 7 },
        { op: 60, dst: 7, a: 7, b: 2, c: 5 },
        { op: 52, dst: 9, a: 7, b: 5 },
        { op: 1, dst: 8, a: 6 },
        { op: 61, dst: 4, a: 8, b: 8, c: 8 },
        { op: 71, dst: 4, a: 4, x: 0.5 },
      ],
    }),
  ],
  'row program of reductions': [
    rowProgram([at(read), at(written), at(written, 1), at(written, 2), at(result), at(whole)], {
      rows: 12,
      cols: 15,
      extentUnit: 3,
      slots: [
        full(f32, 0, 12, 15),
        perRow(f32, 1, 12),
        columnSum(f32, 2, 3),
        register(f32),
        rowRegister(f32),
        perRow(i32, 4, 12),
      ],
      code: [
        { op: 81, dst: 4, a: 0 },
        { op: 41, dst: 3, a: 0, b: 4 },
        { op: 82, dst: 1, a: 3, b: 0 },
        { op: 84, dst: 5, a: 3 },
        { op: 90, dst: 2, a: 3 },
      ],
    }),
  ],
  'flat row program': [
    rowProgram([at(read), at(whole), at(written)], {
      rows: 1,
      cols: 200,
      flat: true,
      slots: [full(f32, 0, 1, 200), scalar(i32, 1), full(f32, 2, 1, 200)],
      code: [
        { op: 100, dst: 2, a: 1, b: 1, x: 3 },
        { op: 42, dst: 2, a: 2, b: 0 },
      ],
    }),
  ],
  attentionForward: [
    {
      kernel: kernel.attentionForward,
      operands: [at(read), at(read), at(read, 1), at(written), at(written, 1), at(whole), at(whole)],
      params: [2, 2, 4, 4, 8, 1, float(0.3), ...heads, ...heads, ...heads, ...heads, 0, 0],
    },
    {
      kernel: kernel.attentionForward,
      operands: [at(read), at(read), at(read, 1), at(written), at(written, 1), at(whole), at(whole)],
      params: [2, 2, 4, 4, 8, 0, float(0.3), ...heads, ...heads, ...heads, ...heads, 2, 1],
    },
  ],
  attentionBackward: [
    {
      kernel: kernel.attentionBackward,
      operands: [read, read, read, read, read, read]
        .map((segment, i) => at(segment, i % 2))
        .concat([at(written), at(written, 1), at(written, 2), at(whole), [-1, 0]]),
      params: [2, 2, 4, 4, 8, 0, float(0.3), ...Array(8).fill(heads).flat(), 3, 1],
    },
  ],
  sortByGroup: [
    {
      kernel: kernel.sortByGroup,
      operands: [at(whole), at(written), at(written, 1), at(written, 2), at(written, 3), at(whole)],
      params: [10, 2, 12, 1],
    },
  ],
  groupedGemm: [
    {
      kernel: kernel.groupedGemm,
      operands: [at(read), at(read, 1), at(whole), at(written)],
      params: [12, 5, 7, 4, 0],
    },
    {
      kernel: kernel.groupedGemm,
      operands: [at(read), at(read, 1), at(whole), at(written)],
      params: [12, 5, 7, 4, 1],
    },
  ],
  groupedOuter: [
    {
      kernel: kernel.groupedOuter,
      operands: [at(read), at(read, 1), at(whole), at(written)],
      params: [12, 5, 7, 4],
    },
  ],
  gatherRows: [
    { kernel: kernel.gatherRows, operands: [at(read), at(whole), at(written)], params: [10, 7, 8, 4, 9, 7] },
  ],
  scatterAddRows: [
    { kernel: kernel.scatterAddRows, operands: [at(whole), at(read), at(written)], params: [10, 7, 8, 9] },
  ],
  takeAlong: [{ kernel: kernel.takeAlong, operands: [at(read), at(whole), at(written)], params: [5, 9, 6, 10] }],
  putAlong: [{ kernel: kernel.putAlong, operands: [at(whole), at(read), at(written)], params: [5, 9, 6] }],
  copy: [
    { kernel: kernel.copy, operands: [at(read), at(written)], params: [4, 3, 4, 5, 6, 1, 4, 20, 30, 6, 1] },
    { kernel: kernel.copy, operands: [at(read), at(written, 2)], params: [2, 2, 5, 6, 6, 1, 1, 5] },
  ],
  fill: [{ kernel: kernel.fill, operands: [at(written)], params: [f64, 20, float(1.5)] }],
  updateRows: [
    { kernel: kernel.updateRows, operands: [at(read), at(whole), at(written)], params: [2, 3, 4, 5, 4, 12, 20] },
  ],
  sample: [
    {
      kernel: kernel.sample,
      operands: [at(read), at(read, 1), at(read, 1), at(written)],
      params: [4, 20, 21],
    },
  ],
  orthonormal: [{ kernel: kernel.orthonormal, operands: [at(read), at(written)], params: [2, 4, 3] }],
  skipIf: [
    { kernel: kernel.skipIf, operands: [at(whole)], params: [i32, 2] },
    { kernel: kernel.fill, operands: [at(written)], params: [f32, 4, float(1)] },
  ],
  guard: [{ kernel: kernel.guard, operands: [at(whole)], params: [u8, 7] }],
  checkFinite: [{ kernel: kernel.checkFinite, operands: [at(read)], params: [bf16, 200, 3] }],
  poison: [{ kernel: kernel.poison, operands: [at(written)], params: [100] }],
  rotary: [
    {
      kernel: kernel.rotary,
      operands: [at(read), at(read, 1), at(read, 1), at(written)],
      params: [2, 4, 2, 8, 16, ...heads, ...heads],
    },
  ],
  decodeRunLength: [
    // Ones are runs of one bit wherever a row begins.
    { kernel: kernel.fill, operands: [at(written, 1)], params: [u8, 1024, float(1)] },
    { kernel: kernel.decodeRunLength, operands: [at(written, 1), at(whole), at(written)], params: [2, 4, 2, 1024] },
  ],
  convolution: [
    {
      kernel: kernel.convolution,
      operands: [at(read), at(read, 1), at(written)],
      params: [2, 2, 14, 4, 3, 2, 0, 60, 5, 0, 60, 90, 6],
    },
    {
      kernel: kernel.convolution,
      operands: [at(read), at(read, 1), at(written)],
      params: [1, 1, 3, 4, 2, 1, 1, 12, 9, 1, 0, 36, 9],
    },
  ],
  convolutionGradient: [
    {
      kernel: kernel.convolutionGradient,
      operands: [at(read), at(read, 1), at(written)],
      params: [2, 2, 14, 4, 3, 2, 0, 60, 5, 90, 6],
    },
  ],
};
