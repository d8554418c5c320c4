import type { Tensor } from '../graph.js';
import { mul, sub } from './arithmetic.js';
import { equal } from './compare.js';
import { floats, gradientRule, type Two } from './define.js';
import { binaryFunction, elementwise } from './elementwise.js';
import { log } from './elementwise-unary.js';
import { select } from './select.js';
import { flowTo } from './sum.js';

export const powOp = elementwise({
  name: 'pow',
  summary: 'a^b',
  operands: ['a', 'b'],
  dtypes: floats,
  compute: (a, b) => a ** b,
  gradient: gradientRule((dy, node) => {
    const [a, b] = node.inputs as Two<Tensor>;
    const power = node.outputs[0]!;
    return [
      flowTo(a, () => mul(dy, mul(b, pow(a, sub(b, 1))))),
      // 0^b does not change with b > 0, but ln 0 would make it NaN.
      flowTo(b, () => mul(dy, mul(power, log(select(equal(a, 0), 1, a))))),
    ];
  }),
});

/** `a` to the power of `b`. */
export const pow = binaryFunction(powOp);
