import type { Tensor } from '../graph.js';
import { add, div, mul, sub } from './arithmetic.js';
import type { AttentionAttributes, Extents } from './attention-shapes.js';
import { attentionSizes } from './attention-shapes.js';
import { bitAnd } from './bitwise.js';
import { cast } from './cast.js';
import { equal, less, lessEqual } from './compare.js';
import { exp, floor, log } from './elementwise-unary.js';
import { stopGradient } from './identity.js';
import { iota } from './leaves.js';
import { matmul } from './matmul.js';
import { max } from './max.js';
import { expandDims, reshape } from './reshape.js';
import { select } from './select.js';
import { sum } from './sum.js';
import { transpose } from './transpose.js';

type Forward = { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor } & Extents<Tensor>;

type Backward = Forward & {
  readonly o: Tensor;
  readonly logSumExp: Tensor;
  readonly dO: Tensor;
  readonly dLogSumExp?: Tensor;
};

/** [batch, length, heads, headDim] and [batch, heads, length, headDim] into each other. */
const swapHeads = (x: Tensor): Tensor => transpose(x, [0, 2, 1, 3]);

/** Where the chunks of positions (i32) begin. */
export const chunkBegin = (position: Tensor, chunkSize: number): Tensor => {
  // In f64, where the quotient of whole numbers is never rounded up to the next one.
  const chunk = cast(floor(div(cast(position, 'f64'), chunkSize)), 'i32');
  return mul(chunk, chunkSize);
};

/** Which keys each query sees, bool [batch or 1, 1, queries, keys]; undefined where all do. */
const visibility = (
  { q, k, keyLength, queryOffset }: Omit<Forward, 'v'>,
  { causal, chunkSize, overlap }: AttentionAttributes,
): Tensor | undefined => {
  const { batch, queries, keys } = attentionSizes(q, k);
  const key = reshape(iota(keys), [1, 1, 1, keys]);
  const query = reshape(iota(queries), [1, 1, queries, 1]);
  const position = queryOffset ? add(query, reshape(queryOffset, [batch, 1, 1, 1])) : query;
  const rules: Tensor[] = [];
  if (keyLength) rules.push(less(key, reshape(keyLength, [batch, 1, 1, 1])));
  if (causal) rules.push(lessEqual(key, position));
  if (chunkSize > 0) {
    const begin = chunkBegin(position, chunkSize);
    rules.push(lessEqual(sub(begin, overlap), key));
    if (!causal) rules.push(less(key, add(begin, chunkSize + overlap)));
  }
  return rules.length > 0 ? rules.reduce(bitAnd) : undefined;
};

const onlyVisible = (visible: Tensor | undefined, values: Tensor, otherwise: number): Tensor =>
  visible ? select(visible, values, otherwise) : values;

/** Finite, so that a row of hidden keys has no infinity minus infinity, and below every score. */
const hidden = -1e30;

/** Probabilities [B, H, Tq, Tk], all of them, 0 where a key is hidden; and the log sums [B, H, Tq]. */
export const mapPrimitives = (
  operands: Omit<Forward, 'v'>,
  attributes: AttentionAttributes,
): { probabilities: Tensor; logSumExp: Tensor } => {
  const visible = visibility(operands, attributes);
  const [q, k] = [swapHeads(operands.q), swapHeads(operands.k)];
  const scores = onlyVisible(visible, mul(matmul(q, k, { transposeB: true }), attributes.scale), hidden); // [B, H, Tq, Tk]
  const greatest = stopGradient(max(scores, { axes: [-1], keepDims: true }));
  const weights = onlyVisible(visible, exp(sub(scores, greatest)), 0);
  const total = sum(weights, { axes: [-1], keepDims: true });
  const probabilities = div(weights, select(equal(total, 0), 1, total));
  const logSumExp = add(log(total), greatest);
  return { probabilities, logSumExp: reshape(logSumExp, logSumExp.shape.slice(0, -1)) };
};

/** Attention from primitives: o and the log sums. */
export const forwardPrimitives = (operands: Forward, attributes: AttentionAttributes): Tensor[] => {
  const { probabilities, logSumExp } = mapPrimitives(operands, attributes);
  return [swapHeads(matmul(probabilities, swapHeads(operands.v))), logSumExp];
};

/**
 * dq, dk, dv from primitives. With P = exp(S - logSumExp): dV = P^T dO, and since dS = P (dP - sum(P dP)) and
 * sum(P dP) = sum(o dO), the log sums' own cotangent just adds to dP.
 */
export const gradientPrimitives = (operands: Backward, attributes: AttentionAttributes): Tensor[] => {
  const visible = visibility(operands, attributes);
  const { q, k, v, o, dO } = operands;
  const [qh, kh, vh, dOh] = [q, k, v, dO].map(swapHeads) as [Tensor, Tensor, Tensor, Tensor];
  const scores = mul(matmul(qh, kh, { transposeB: true }), attributes.scale);
  const logSumExp = expandDims(operands.logSumExp, -1); // [B, H, Tq, 1]
  const probabilities = onlyVisible(visible, exp(onlyVisible(visible, sub(scores, logSumExp), 0)), 0);
  const dot = sum(swapHeads(mul(o, dO)), { axes: [-1], keepDims: true });
  const offset = operands.dLogSumExp ? sub(dot, expandDims(operands.dLogSumExp, -1)) : dot;
  const dP = matmul(dOh, vh, { transposeB: true });
  const dS = mul(mul(probabilities, sub(dP, offset)), attributes.scale);
  return [matmul(dS, kh), matmul(dS, qh, { transposeA: true }), matmul(probabilities, dOh, { transposeA: true })].map(
    swapHeads,
  );
};
