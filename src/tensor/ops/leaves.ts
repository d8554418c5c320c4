import { NonetError } from '../../core/errors.js';
import type { Tensor } from '../graph.js';
import { type DType, elementCount, isFloat, type Shape, type TensorType } from '../types.js';
import { freeCost, noGradient, primitive, reference, shapeError, single } from './define.js';

type InputAttributes = TensorType & {
  /** Where the value comes from, such as `parameters.blocks.3.attention.qkv.weight`. */
  readonly path: string;
  /** What the value is to the program, such as `state` or `array`. */
  readonly role: string;
} & Readonly<Record<string, unknown>>;

export const inputOp = primitive<InputAttributes>({
  name: 'input',
  summary: 'A value that the program is given at run time.',
  operands: [],
  attributeNames: ['path', 'role', 'shape', 'dtype'],
  kind: 'input',
  infer: (_, { shape, dtype, labels }) => [labels ? { shape, dtype, labels } : { shape, dtype }],
  gradient: noGradient,
  evaluate: (_, { path }) => {
    throw new NonetError('E_PROGRAM', `input ${path} has no value; executors bind inputs before they run the nodes`);
  },
  cost: freeCost,
});

/** A program input of that type. */
export const input = (type: TensorType, origin: { path: string; role: string }): Tensor => {
  const { shape, dtype, labels } = type;
  return single(inputOp, [], { path: origin.path, role: origin.role, shape, dtype, ...(labels ? { labels } : {}) });
};

type ConstantAttributes = {
  readonly shape: Shape;
  readonly dtype: DType;
  /** The number that every element is; absent where `data` holds the elements. */
  readonly value?: number;
  readonly data?: Float64Array;
} & Readonly<Record<string, unknown>>;

export const constantOp = primitive<ConstantAttributes>({
  name: 'constant',
  summary: 'Numbers known while tracing: one for all elements (`value`) or all of them (`data`).',
  operands: [],
  attributeNames: ['shape', 'dtype', 'value', 'data'],
  kind: 'constant',
  infer: (_, { shape, dtype, value, data }, fail) => {
    if (data && data.length !== elementCount(shape)) {
      fail(`${data.length} numbers do not fill [${shape.join(', ')}], which has ${elementCount(shape)} elements`);
    }
    const fraction = isFloat(dtype) ? undefined : (data ?? [value ?? 0]).find((number) => !Number.isInteger(number));
    if (fraction !== undefined) fail(`${dtype} holds integers, not ${fraction}; write an integer or cast the operand`);
    return [{ shape, dtype }];
  },
  gradient: noGradient,
  evaluate: (_, { value, data }, [type]) => [
    reference(type!, data ? data.slice() : new Float64Array(elementCount(type!.shape)).fill(value ?? 0)),
  ],
  cost: freeCost,
});

/** A tensor filled with one number. */
export const constant = (value: number, shape: Shape = [], dtype: DType = 'f32'): Tensor =>
  single(constantOp, [], { shape, dtype, value });

/** A tensor of given numbers in row-major order; they are copied. */
export const constantArray = (data: ArrayLike<number>, shape: Shape, dtype: DType = 'f32'): Tensor =>
  single(constantOp, [], { shape, dtype, data: Float64Array.from(data) });

/** 0, 1, ... n - 1. */
export const iota = (n: number, dtype: DType = 'i32'): Tensor => {
  if (!Number.isInteger(n) || n < 0) throw shapeError('iota', [], `n must be a whole number, not ${n}`);
  return constantArray(
    Float64Array.from({ length: n }, (_, i) => i),
    [n],
    dtype,
  );
};
