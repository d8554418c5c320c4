/** Functions that are compositions of ops: no kernels, gradients or shape rules of their own. */

import type { Tensor } from '../graph.js';
import { add, div, mul, neg, sub } from './arithmetic.js';
import { bitAnd, bitOr } from './bitwise.js';
import { cast } from './cast.js';
import { equal, finite, less, lessEqual, logicalNot } from './compare.js';
import { countedAxis, shapeError } from './define.js';
import { exp, log, sigmoid } from './elementwise-unary.js';
import { maximum, minimum } from './extremum.js';
import { stopGradient } from './identity.js';
import { constant } from './leaves.js';
import { max } from './max.js';
import { type RandomSource, randomUniform } from './random.js';
import { type ReduceOptions, reducedShape } from './reduce.js';
import { reshape } from './reshape.js';
import { select } from './select.js';
import { sum } from './sum.js';

type Operand = Tensor | number;

/** Zeros of the shape and dtype of `x`. */
export const zerosLike = (x: Tensor): Tensor => constant(0, x.shape, x.dtype);

/** Ones of the shape and dtype of `x`. */
export const onesLike = (x: Tensor): Tensor => constant(1, x.shape, x.dtype);

/** `x * x` */
export const square = (x: Tensor): Tensor => mul(x, x);

/** `max(x, 0)`, with slope 0 at 0. */
export const relu = (x: Tensor): Tensor => maximum(x, 0);

/** `x * sigmoid(x)` */
export const silu = (x: Tensor): Tensor => mul(x, sigmoid(x));

/** `x` brought into `low .. high`. */
export const clamp = (x: Tensor, low: number, high: number): Tensor => minimum(maximum(x, low), high);

/** -1, 0 or 1. */
export const sign = (x: Tensor): Tensor => sub(cast(less(0, x), x.dtype), cast(less(x, 0), x.dtype));

/** `a > b`, a bool. */
export const greater = (a: Operand, b: Operand): Tensor => less(b, a);

/** `a >= b`, a bool. */
export const greaterEqual = (a: Operand, b: Operand): Tensor => lessEqual(b, a);

/** `a !== b`, a bool; true where either is NaN. */
export const notEqual = (a: Operand, b: Operand): Tensor => logicalNot(equal(a, b));

/** Both of two bools. */
export const logicalAnd = (a: Tensor, b: Tensor): Tensor => bitAnd(a, b);

/** Either of two bools, or both. */
export const logicalOr = (a: Tensor, b: Tensor): Tensor => bitOr(a, b);

/** The least element over `axes`, all of them unless told. See `minimum` for the lesser of two tensors. */
export const min = (x: Tensor, options: ReduceOptions = {}): Tensor => neg(max(neg(x), options));

/** Mean over `axes`, all of them unless told. */
export const mean = (x: Tensor, options: ReduceOptions = {}): Tensor => {
  const total = sum(x, options);
  const axes = options.axes ?? x.shape.map((_, axis) => axis);
  const count = axes.reduce((product, axis) => product * x.shape[countedAxis(axis, x.shape.length)]!, 1);
  return mul(total, 1 / count);
};

/** Mean square distance from the mean (divided by n) over `axes`, all of them unless told. */
export const variance = (x: Tensor, options: ReduceOptions = {}): Tensor => {
  const center = mean(x, { ...options, keepDims: true });
  return mean(square(sub(x, center)), options);
};

/** `ln(sum(e^x))` over `axes` (the last one unless told), without overflow. -infinity where all elements are. */
export const logSumExp = (x: Tensor, { axes = [-1], keepDims = false }: ReduceOptions = {}): Tensor => {
  const greatest = finiteMax(x, axes);
  const result = add(log(sum(exp(sub(x, greatest)), { axes, keepDims: true })), greatest);
  if (keepDims) return result;
  const counted = axes.map((axis) => countedAxis(axis, x.shape.length));
  return reshape(result, reducedShape(x.shape, counted, false));
};

/** `x` minus its log sum of exponentials over `axes`, the last one unless told. */
export const logSoftmax = (x: Tensor, { axes = [-1] }: { axes?: readonly number[] } = {}): Tensor =>
  sub(x, logSumExp(x, { axes, keepDims: true }));

/** `e^x / sum(e^x)` over `axes`, the last one unless told. */
export const softmax = (x: Tensor, { axes = [-1] }: { axes?: readonly number[] } = {}): Tensor => {
  const weights = exp(sub(x, finiteMax(x, axes)));
  return div(weights, sum(weights, { axes, keepDims: true }));
};

/** The greatest element as a constant shift; 0 where it is infinite, which would make infinity minus infinity. */
const finiteMax = (x: Tensor, axes: readonly number[]): Tensor => {
  const greatest = stopGradient(max(x, { axes, keepDims: true }));
  return select(finite(greatest), greatest, 0);
};

/**
 * Zeroes each element with probability `rate` and scales the others by `1 / (1 - rate)`. The mask is a function of the
 * source and the place in the program, so a recomputation draws the same one.
 */
export const dropout = (x: Tensor, rate: number, source: RandomSource): Tensor => {
  if (!(rate >= 0 && rate < 1)) throw shapeError('dropout', [x], `the rate must be from 0 up to 1, not ${rate}`);
  if (rate === 0) return x;
  const kept = lessEqual(rate, randomUniform(source, x.shape));
  return select(kept, mul(x, 1 / (1 - rate)), 0);
};
