import type { Tensor } from '../graph.js';
import { add, mul, sub } from './arithmetic.js';
import { floats, gradientRule, single } from './define.js';
import { elementwise, unaryFunction } from './elementwise.js';
import { sigmoid } from './elementwise-unary.js';

/** tanh form of Hendrycks and Gimpel 2016: 0.5 x (1 + tanh(u / 2)) = x sigmoid(u), u = 2 sqrt(2/pi) (x + 0.044715 x^3). */
const slopeAtZero = 2 * Math.sqrt(2 / Math.PI);
const cubic = 0.044715;

const gate = (x: number): number => 1 / (1 + Math.exp(-slopeAtZero * (x + cubic * x ** 3)));

const gateOf = (x: Tensor): Tensor => sigmoid(mul(add(x, mul(mul(mul(x, x), x), cubic)), slopeAtZero));

export const geluGradientOp = elementwise({
  name: 'geluGradient',
  summary: 'dy times the derivative of gelu at x',
  operands: ['x', 'dy'],
  dtypes: floats,
  flops: 8,
  compute: (x, dy) => {
    const s = gate(x);
    return dy * (s + x * s * (1 - s) * slopeAtZero * (1 + 3 * cubic * x * x));
  },
  decompose: (inputs) => {
    const [x, dy] = inputs as readonly [Tensor, Tensor];
    const s = gateOf(x);
    const inner = mul(add(mul(mul(x, x), 3 * cubic), 1), slopeAtZero);
    return [mul(dy, add(s, mul(mul(x, mul(s, sub(1, s))), inner)))];
  },
});

/** `dy` times the derivative of `gelu` at `x`. */
export const geluGradient = (x: Tensor, dy: Tensor): Tensor => single(geluGradientOp, [x, dy], {});

export const geluOp = elementwise({
  name: 'gelu',
  summary: 'Gaussian error linear unit, tanh form: x sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3))',
  operands: ['x'],
  dtypes: floats,
  flops: 5,
  compute: (x) => x * gate(x),
  gradient: gradientRule((dy, node) => [geluGradient(node.inputs[0]!, dy)]),
  decompose: ([x]) => [mul(x!, gateOf(x!))],
});

/** Gaussian error linear unit, tanh form. */
export const gelu = unaryFunction(geluOp);
