import type { Tensor } from '../graph.js';
import { freeCost, gradientRule, type NoAttributes, noGradient, primitive, single } from './define.js';
import { sameAxes } from './example-axes.js';

export const aliasOp = primitive<NoAttributes>({
  name: 'alias',
  summary: 'The operand under another name.',
  operands: ['x'],
  kind: 'view',
  infer: (inputs) => inputs,
  gradient: gradientRule((dy) => [dy]),
  linearIn: 0,
  batch: sameAxes((x) => alias(x)),
  evaluate: (inputs) => inputs,
  cost: freeCost,
});

/** The same value as a tensor of its own, so that one use can be told from another. */
export const alias = (x: Tensor): Tensor => single(aliasOp, [x], {});

export const stopGradientOp = primitive<NoAttributes>({
  name: 'stopGradient',
  summary: 'The operand, as a constant to differentiation.',
  operands: ['x'],
  kind: 'view',
  infer: (inputs) => inputs,
  gradient: noGradient,
  batch: sameAxes((x) => stopGradient(x)),
  evaluate: (inputs) => inputs,
  cost: freeCost,
});

/** The same value, through which no gradient flows. */
export const stopGradient = (x: Tensor): Tensor => single(stopGradientOp, [x], {});
