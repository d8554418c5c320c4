import type { DType } from '../types.js';
import { floats, numbers } from './define.js';
import { binaryFunction, elementwise, unaryFunction } from './elementwise.js';

const ordered: readonly DType[] = [...numbers, 'u8'];

export const lessOp = elementwise({
  name: 'less',
  summary: 'a < b, as bool',
  operands: ['a', 'b'],
  dtypes: ordered,
  result: 'bool',
  compute: (a, b) => Number(a < b),
});

/** `a < b`, a bool; false where either is NaN. */
export const less = binaryFunction(lessOp);

export const lessEqualOp = elementwise({
  name: 'lessEqual',
  summary: 'a <= b, as bool',
  operands: ['a', 'b'],
  dtypes: ordered,
  result: 'bool',
  compute: (a, b) => Number(a <= b),
});

/** `a <= b`, a bool; false where either is NaN. */
export const lessEqual = binaryFunction(lessEqualOp);

export const equalOp = elementwise({
  name: 'equal',
  summary: 'a = b, as bool',
  operands: ['a', 'b'],
  dtypes: [...ordered, 'bool'],
  result: 'bool',
  compute: (a, b) => Number(a === b),
});

/** `a === b`, a bool; false where either is NaN. */
export const equal = binaryFunction(equalOp);

export const isFiniteOp = elementwise({
  name: 'isFinite',
  summary: 'Whether x is neither infinite nor NaN, as bool',
  operands: ['x'],
  dtypes: floats,
  result: 'bool',
  compute: (x) => Number(Number.isFinite(x)),
});

/** Whether `x` is neither infinite nor NaN, a bool. */
export const finite = unaryFunction(isFiniteOp);

export const logicalNotOp = elementwise({
  name: 'logicalNot',
  summary: 'Whether x is false',
  operands: ['x'],
  dtypes: ['bool'],
  compute: (x) => Number(x === 0),
});

/** `!x` of a bool. */
export const logicalNot = unaryFunction(logicalNotOp);
