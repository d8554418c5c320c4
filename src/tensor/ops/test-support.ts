import { unitInterval } from '../../core/random.js';
import type { Attributes } from '../graph.js';
import { type DType, elementCount, isFloat, type ReferenceArray } from '../types.js';
import { array } from './evaluate-graph.js';
import { allOps } from './index.js';

/** An operand: its shape, and where it is not f64 in -2 .. 2 its dtype and range. */
export interface Operand {
  readonly shape: readonly number[];
  readonly dtype?: DType;
  readonly range?: readonly [number, number];
}

export interface Example {
  readonly operands: readonly Operand[];
  readonly attributes?: Attributes;
}

export const x = (...shape: number[]): Operand => ({ shape });
const within = (low: number, high: number, ...shape: number[]): Operand => ({ shape, range: [low, high] });
/** Integers from 0 up to, without, `bound`. */
export const index = (bound: number, ...shape: number[]): Operand => ({ shape, dtype: 'i32', range: [0, bound] });
export const bool = (...shape: number[]): Operand => ({ shape, dtype: 'bool', range: [0, 2] });
export const f32 = (low: number, high: number, ...shape: number[]): Operand => ({
  shape,
  dtype: 'f32',
  range: [low, high],
});

const unary: Example[] = [{ operands: [x(2, 3)] }, { operands: [x()] }];
const positive: Example[] = [{ operands: [within(0.2, 3, 2, 3)] }];
const pair: Example[] = [
  { operands: [x(2, 3), x(2, 3)] },
  { operands: [x(2, 1, 3), x(4, 1)] },
  { operands: [x(), x(3)] },
];
const integers: Example[] = [{ operands: [index(1000, 2, 3), index(30, 3)] }];
export const shared = { transposeA: false, transposeB: false };
export const flags = { causal: false, scale: 0.6, chunkSize: 0, overlap: 0, keyLength: false, queryOffset: false };
export const qkv = [x(2, 3, 2, 4), x(2, 5, 2, 4), x(2, 5, 2, 4)];
const attentions: Example[] = [
  { operands: qkv, attributes: flags },
  { operands: qkv, attributes: { ...flags, causal: true } },
  { operands: qkv, attributes: { ...flags, chunkSize: 2, overlap: 1 } },
  { operands: [...qkv, index(6, 2)], attributes: { ...flags, keyLength: true } },
  {
    operands: [...qkv, index(6, 2), index(3, 2)],
    attributes: { ...flags, causal: true, keyLength: true, queryOffset: true },
  },
  {
    operands: [...qkv, index(3, 2)],
    attributes: { ...flags, causal: true, chunkSize: 2, overlap: 1, queryOffset: true },
  },
];

export const examples: Readonly<Record<string, readonly Example[]>> = {
  input: [],
  constant: [
    { operands: [], attributes: { shape: [2, 3], dtype: 'f32', value: 0.5 } },
    { operands: [], attributes: { shape: [2], dtype: 'i32', data: Float64Array.of(4, 5) } },
  ],
  neg: unary,
  abs: unary,
  exp: unary,
  log: positive,
  log1p: [{ operands: [within(-0.8, 3, 6)] }],
  sqrt: positive,
  rsqrt: positive,
  reciprocal: positive,
  tanh: unary,
  sigmoid: unary,
  sin: unary,
  cos: unary,
  floor: [{ operands: [within(0.1, 0.9, 4)] }],
  softplus: unary,
  gelu: unary,
  geluGradient: pair,
  isFinite: unary,
  logicalNot: [{ operands: [bool(3)] }],
  cast: [
    { operands: [x(3)], attributes: { dtype: 'f32' } },
    { operands: [x(3)], attributes: { dtype: 'i32' } },
    { operands: [bool(3)], attributes: { dtype: 'f64' } },
  ],
  add: pair,
  sub: pair,
  mul: pair,
  div: [{ operands: [x(2, 3), within(0.5, 2, 3)] }, { operands: [x(3), within(0.5, 2, 2, 3)] }],
  maximum: pair,
  minimum: pair,
  pow: [{ operands: [within(0.3, 2, 2, 3), x(3)] }],
  multiplyAdd: [{ operands: [x(2, 3), x(3), x(2, 1)] }, { operands: [x(4), x(4), x(4)] }],
  less: pair,
  lessEqual: pair,
  equal: pair,
  select: [{ operands: [bool(2, 3), x(2, 3), x(3)] }, { operands: [bool(3), x(), x(2, 3)] }],
  bitAnd: integers,
  bitOr: integers,
  bitXor: integers,
  shiftLeft: integers,
  shiftRight: integers,
  randomUniform: [{ operands: [index(99), index(99)], attributes: { shape: [3, 2], stream: 1 } }],
  randomNormal: [{ operands: [index(99), index(99)], attributes: { shape: [3, 2], stream: 1 } }],
  sum: [
    { operands: [x(2, 3, 4)], attributes: { axes: [1, 2], keepDims: false } },
    { operands: [x(2, 3, 4)], attributes: { axes: [0, 1], keepDims: true } },
    { operands: [x(2, 3)], attributes: { axes: [0, 1], keepDims: false } },
  ],
  max: [
    { operands: [x(2, 3, 4)], attributes: { axes: [1, 2], keepDims: false } },
    { operands: [x(2, 3)], attributes: { axes: [1], keepDims: true } },
  ],
  argmax: [{ operands: [x(2, 3, 4)] }],
  alias: unary,
  stopGradient: [{ operands: [x(3)] }],
  reshape: [{ operands: [x(2, 6)], attributes: { shape: [3, 4] } }],
  split: [
    { operands: [x(2, 5)], attributes: { sizes: [2, 3], axis: 1 } },
    { operands: [x(5, 2)], attributes: { sizes: [1, 0, 4], axis: 0 } },
  ],
  concat: [
    { operands: [x(2, 2), x(2, 3)], attributes: { axis: 1 } },
    { operands: [x(2, 2, 2), x(2, 1, 2), x(2, 3, 2)], attributes: { axis: 1 } },
  ],
  slice: [{ operands: [x(3, 5, 2)], attributes: { axis: 1, start: 1, end: 4 } }],
  pad: [{ operands: [x(3, 2, 2)], attributes: { axis: 1, before: 1, after: 2 } }],
  transpose: [{ operands: [x(2, 3, 4)], attributes: { permutation: [2, 0, 1] } }],
  broadcastTo: [{ operands: [x(2, 1, 3)], attributes: { shape: [4, 2, 5, 3] } }],
  matmul: [
    { operands: [x(2, 3), x(3, 4)], attributes: shared },
    { operands: [x(2, 3, 5), x(4, 5)], attributes: { transposeA: false, transposeB: true } },
    { operands: [x(2, 5, 3), x(5, 4)], attributes: { transposeA: true, transposeB: false } },
    { operands: [x(2, 5, 3), x(4, 5)], attributes: { transposeA: true, transposeB: true } },
    { operands: [x(2, 2, 3, 4), x(2, 2, 4, 3)], attributes: shared },
    { operands: [x(2, 5, 3), x(2, 4, 5)], attributes: { transposeA: true, transposeB: true } },
    { operands: [x(2, 3, 5), x(2, 4, 5)], attributes: { transposeA: false, transposeB: true } },
    { operands: [x(5, 3), x(5, 4)], attributes: { transposeA: true, transposeB: false } },
  ],
  sortByGroup: [{ operands: [index(4, 5, 2)], attributes: { groups: 4 } }],
  groupedMatmul: [
    { operands: [x(5, 3), x(3, 3, 2), index(4, 3)], attributes: { transposeB: false } },
    { operands: [x(2, 3, 3), x(3, 2, 3), index(3, 3)], attributes: { transposeB: true } },
  ],
  groupedOuter: [{ operands: [x(5, 3), x(5, 2), index(4, 3)] }],
  convolution: [
    { operands: [x(2, 5, 3), x(3, 3, 2)], attributes: { before: 2, after: 0, transposed: false } },
    { operands: [x(2, 2, 3), x(4, 2, 3)], attributes: { before: 1, after: 3, transposed: true } },
    { operands: [x(1, 3, 2), x(1, 2, 2)], attributes: { before: 0, after: 0, transposed: false } },
    { operands: [x(4, 4, 2), x(2, 3, 2, 3)], attributes: { before: 0, after: 1, transposed: false } },
    { operands: [x(4, 4, 2), x(2, 3, 3, 2)], attributes: { before: 2, after: 2, transposed: true } },
  ],
  convolutionGradient: [
    { operands: [x(2, 5, 3), x(2, 5, 2)], attributes: { before: 2, after: 0, taps: 3, groups: 0 } },
    { operands: [x(1, 2, 3), x(1, 3, 2)], attributes: { before: 1, after: 3, taps: 4, groups: 0 } },
    { operands: [x(4, 4, 2), x(4, 3, 3)], attributes: { before: 1, after: 0, taps: 3, groups: 2 } },
  ],
  gather: [{ operands: [x(4, 3), index(4, 2, 3)] }],
  scatterAdd: [{ operands: [index(4, 2, 3), x(2, 3, 2)], attributes: { rows: 4 } }],
  takeAlong: [{ operands: [x(2, 3, 5), index(5, 2, 3, 2)] }],
  putAlong: [{ operands: [index(4, 2, 3), x(2, 3)], attributes: { columns: 4 } }],
  updateRows: [{ operands: [x(2, 4, 3), x(2, 2, 3), index(4, 2)] }],
  attention: attentions,
  attentionGradient: attentions.map(({ operands, attributes }) => ({
    operands: [...operands.slice(0, 3), x(2, 3, 2, 4), within(1, 3, 2, 2, 3), x(2, 3, 2, 4), ...operands.slice(3)],
    attributes: attributes!,
  })),
  rotary: [
    { operands: [x(2, 3, 2, 4), x(1, 3, 2), x(1, 3, 2)] },
    { operands: [x(2, 3, 1, 6), x(2, 3, 3), x(2, 3, 3)] },
  ],
  sample: [{ operands: [f32(-5, 0, 3, 4), f32(0, 1, 3), f32(0.5, 0.9, 7)] }],
  decodeRunLength: [
    // Ones are runs of one bit wherever a row begins.
    {
      operands: [{ shape: [20], dtype: 'u8', range: [1, 2] }, index(9, 2, 2)],
      attributes: { patches: 3, bitsPerPatch: 2 },
    },
  ],
  orthonormal: [{ operands: [f32(-2, 2, 5, 3)] }, { operands: [f32(-2, 2, 2, 3, 3)] }],
  guard: [{ operands: [bool()], attributes: { code: 'x' } }],
  merge: [{ operands: [bool(), x(2), x(3), x(2), x(3)], attributes: { block: 1 } }],
};

export const valuesOf = (operand: Operand, seed: number): ReferenceArray => {
  const { shape, dtype = 'f64', range: [low, high] = [-2, 2] } = operand;
  const data = Float64Array.from(
    { length: elementCount(shape) },
    (_, i) => low + (high - low) * unitInterval(7, seed, i),
  );
  return array(isFloat(dtype) ? data : data.map(Math.floor), shape, dtype);
};

export const cases = allOps.flatMap((op) =>
  (examples[op.name] ?? []).map((example, i) => {
    const arrays = example.operands.map((operand, seed) => valuesOf(operand, seed + 10 * i));
    const types = example.operands.map(({ shape, dtype = 'f64' }) => `${dtype}[${shape}]`).join(' ');
    return { op, example, arrays, attributes: example.attributes ?? {}, title: `${op.name} ${types}` };
  }),
);

/** The first element that is not near enough to what is expected, in words; undefined where all are. */
export const firstDifference = (
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): string | undefined => {
  if (got.length !== expected.length) return `${got.length} elements, expected ${expected.length}`;
  for (let i = 0; i < got.length; i++) {
    const [value, wanted] = [got[i]!, expected[i]!];
    const near = Math.abs(value - wanted) <= tolerance * Math.max(1, Math.abs(wanted));
    if (!near && !Object.is(value, wanted)) return `element ${i}: ${value}, expected ${wanted}`;
  }
  return undefined;
};
