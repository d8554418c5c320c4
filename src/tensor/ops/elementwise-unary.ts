import type { Tensor } from '../graph.js';
import { add, div, mul, neg, sub } from './arithmetic.js';
import { equal, less } from './compare.js';
import { floats, gradientRule, noGradient } from './define.js';
import { type ElementwiseSpec, elementwise, unaryFunction } from './elementwise.js';
import { select } from './select.js';

/** A float function of one operand: `slope` is dy times its derivative at `x`, where it is `y`. */
const smooth = (
  name: string,
  summary: string,
  compute: (x: number) => number,
  slope: (dy: Tensor, x: Tensor, y: Tensor) => Tensor,
  more: Partial<ElementwiseSpec> = {},
) =>
  elementwise({
    name,
    summary,
    operands: ['x'],
    dtypes: floats,
    compute,
    gradient: gradientRule((dy, node) => [slope(dy, node.inputs[0]!, node.outputs[0]!)]),
    ...more,
  });

export const absOp = smooth('abs', '|x|, with slope 0 at 0', Math.abs, (dy, x) =>
  select(less(x, 0), neg(dy), select(equal(x, 0), 0, dy)),
);

/** `|x|` */
export const abs = unaryFunction(absOp);

export const expOp = smooth('exp', 'e^x', Math.exp, (dy, _, y) => mul(dy, y));

/** `e^x` */
export const exp = unaryFunction(expOp);

export const logOp = smooth('log', 'ln x', Math.log, (dy, x) => div(dy, x));

/** Natural logarithm. */
export const log = unaryFunction(logOp);

export const log1pOp = smooth('log1p', 'ln(1 + x), exact near 0', Math.log1p, (dy, x) => div(dy, add(x, 1)));

/** `ln(1 + x)`, exact near 0. */
export const log1p = unaryFunction(log1pOp);

export const sqrtOp = smooth('sqrt', 'Square root', Math.sqrt, (dy, _, y) => div(mul(dy, 0.5), y));

/** Square root. */
export const sqrt = unaryFunction(sqrtOp);

export const rsqrtOp = smooth(
  'rsqrt',
  '1 / sqrt(x)',
  (x) => 1 / Math.sqrt(x),
  (dy, _, y) => mul(mul(dy, -0.5), mul(mul(y, y), y)),
);

/** `1 / sqrt(x)` */
export const rsqrt = unaryFunction(rsqrtOp);

export const reciprocalOp = smooth(
  'reciprocal',
  '1 / x',
  (x) => 1 / x,
  (dy, _, y) => neg(mul(dy, mul(y, y))),
);

/** `1 / x` */
export const reciprocal = unaryFunction(reciprocalOp);

export const tanhOp = smooth('tanh', 'Hyperbolic tangent', Math.tanh, (dy, _, y) => mul(dy, sub(1, mul(y, y))));

/** Hyperbolic tangent. */
export const tanh = unaryFunction(tanhOp);

export const sigmoidOp = smooth(
  'sigmoid',
  '1 / (1 + e^-x)',
  (x) => 1 / (1 + Math.exp(-x)),
  (dy, _, y) => mul(dy, mul(y, sub(1, y))),
);

/** `1 / (1 + e^-x)` */
export const sigmoid = unaryFunction(sigmoidOp);

export const sinOp = smooth('sin', 'Sine of radians', Math.sin, (dy, x) => mul(dy, cos(x)));

/** Sine of radians. */
export const sin = unaryFunction(sinOp);

export const cosOp = smooth('cos', 'Cosine of radians', Math.cos, (dy, x) => neg(mul(dy, sin(x))));

/** Cosine of radians. */
export const cos = unaryFunction(cosOp);

export const floorOp = smooth('floor', 'The greatest integer that is not above x', Math.floor, (dy) => dy, {
  gradient: noGradient,
});

/** The greatest integer that is not above `x`; its gradient is zero. */
export const floor = unaryFunction(floorOp);

export const softplusOp = smooth(
  'softplus',
  'ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)',
  (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  (dy, x) => mul(dy, sigmoid(x)),
  {
    flops: 3,
    decompose: ([x]) => [add(select(less(0, x!), x!, 0), log1p(exp(neg(abs(x!)))))],
  },
);

/** `ln(1 + e^x)` without overflow; `-log(sigmoid(x))` is `softplus(-x)`. */
export const softplus = unaryFunction(softplusOp);
