import type { Tensor } from '../graph.js';
import { add, mul } from './arithmetic.js';
import { floats, gradientRule, single, type Three } from './define.js';
import { elementwise, tensors } from './elementwise.js';
import { flowTo } from './sum.js';

export const multiplyAddOp = elementwise({
  name: 'multiplyAdd',
  summary: 'a b + c, rounded once on machines with fused multiply-add',
  operands: ['a', 'b', 'c'],
  dtypes: floats,
  flops: 2,
  compute: (a, b, c) => a * b + c,
  gradient: gradientRule((dy, node) => {
    const [a, b, c] = node.inputs as Three<Tensor>;
    return [flowTo(a, () => mul(dy, b)), flowTo(b, () => mul(dy, a)), flowTo(c, () => dy)];
  }),
  linearIn: [0, 1, 2],
  decompose: (inputs) => {
    const [a, b, c] = inputs as Three<Tensor>;
    return [add(mul(a, b), c)];
  },
});

/** `a * b + c`, rounded once where the machine can: the only place where a product and a sum are fused. */
export const multiplyAdd = (a: Tensor | number, b: Tensor | number, c: Tensor | number): Tensor =>
  single(multiplyAddOp, tensors('multiplyAdd', [a, b, c]), {});
