import type { DType } from '../types.js';
import { binaryFunction, elementwise } from './elementwise.js';

const bits: readonly DType[] = ['i32', 'bool'];

export const bitAndOp = elementwise({
  name: 'bitAnd',
  summary: 'a & b',
  operands: ['a', 'b'],
  dtypes: bits,
  compute: (a, b) => a & b,
});

/** `a & b` of i32 or bool. */
export const bitAnd = binaryFunction(bitAndOp);

export const bitOrOp = elementwise({
  name: 'bitOr',
  summary: 'a | b',
  operands: ['a', 'b'],
  dtypes: bits,
  compute: (a, b) => a | b,
});

/** `a | b` of i32 or bool. */
export const bitOr = binaryFunction(bitOrOp);

export const bitXorOp = elementwise({
  name: 'bitXor',
  summary: 'a ^ b',
  operands: ['a', 'b'],
  dtypes: bits,
  compute: (a, b) => a ^ b,
});

/** `a ^ b` of i32 or bool. */
export const bitXor = binaryFunction(bitXorOp);

export const shiftLeftOp = elementwise({
  name: 'shiftLeft',
  summary: 'a << b; the low five bits of b count',
  operands: ['a', 'b'],
  dtypes: ['i32'],
  compute: (a, b) => a << b,
});

/** `a << b` of i32. */
export const shiftLeft = binaryFunction(shiftLeftOp);

export const shiftRightOp = elementwise({
  name: 'shiftRight',
  summary: 'a >>> b, zeros from the left; the low five bits of b count',
  operands: ['a', 'b'],
  dtypes: ['i32'],
  compute: (a, b) => a >>> b,
});

/** `a >>> b` of i32: zeros come in from the left. */
export const shiftRight = binaryFunction(shiftRightOp);
