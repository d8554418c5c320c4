import type { Tensor } from '../graph.js';
import { floats, gradientRule, numbers, type Two } from './define.js';
import { binaryFunction, elementwise, unaryFunction } from './elementwise.js';
import { flowTo } from './sum.js';

export const negOp = elementwise({
  name: 'neg',
  summary: '-x',
  operands: ['x'],
  dtypes: numbers,
  compute: (x) => -x,
  gradient: gradientRule((dy) => [neg(dy)]),
  linearIn: 0,
  squaredGradient: gradientRule((dy) => [dy]),
});

/** `-x` */
export const neg = unaryFunction(negOp);

const sumRule = gradientRule((dy, node) => node.inputs.map((operand) => flowTo(operand, () => dy)));

export const addOp = elementwise({
  name: 'add',
  summary: 'a + b',
  operands: ['a', 'b'],
  dtypes: numbers,
  compute: (a, b) => a + b,
  gradient: sumRule,
  linearIn: [0, 1],
});

/** `a + b` */
export const add = binaryFunction(addOp);

export const subOp = elementwise({
  name: 'sub',
  summary: 'a - b',
  operands: ['a', 'b'],
  dtypes: numbers,
  compute: (a, b) => a - b,
  gradient: gradientRule((dy, node) => {
    const [a, b] = node.inputs as Two<Tensor>;
    return [flowTo(a, () => dy), flowTo(b, () => neg(dy))];
  }),
  linearIn: [0, 1],
  squaredGradient: sumRule,
});

/** `a - b` */
export const sub = binaryFunction(subOp);

export const mulOp = elementwise({
  name: 'mul',
  summary: 'a b',
  operands: ['a', 'b'],
  dtypes: numbers,
  compute: (a, b) => a * b,
  computeInteger: Math.imul,
  gradient: gradientRule((dy, node) => {
    const [a, b] = node.inputs as Two<Tensor>;
    return [flowTo(a, () => mul(dy, b)), flowTo(b, () => mul(dy, a))];
  }),
  linearIn: [0, 1],
});

/** `a * b`, element by element. */
export const mul = binaryFunction(mulOp);

export const divOp = elementwise({
  name: 'div',
  summary: 'a / b',
  operands: ['a', 'b'],
  dtypes: floats,
  compute: (a, b) => a / b,
  gradient: gradientRule((dy, node) => {
    const [a, b] = node.inputs as Two<Tensor>;
    const quotient = node.outputs[0]!;
    return [flowTo(a, () => div(dy, b)), flowTo(b, () => neg(mul(div(dy, b), quotient)))];
  }),
  linearIn: 0,
});

/** `a / b`, element by element. */
export const div = binaryFunction(divOp);
