import type { Tensor } from '../graph.js';
import { mul, sub } from './arithmetic.js';
import {
  type AttentionOperands,
  type AttentionOptions,
  attentionAttributes,
  attentionWithLogSumExp,
} from './attention.js';
import { mapPrimitives } from './attention-primitives.js';
import { finite } from './compare.js';
import { maximum } from './extremum.js';
import { select } from './select.js';
import { sum } from './sum.js';
import { transpose } from './transpose.js';

/** Attention is looked at before any value is. */
export type AttentionScores = Omit<AttentionOperands, 'v'>;

/**
 * Nats of each query's attention, -sum w ln w over the keys it sees: [batch, heads, queries], 0 where it sees none. The map is
 * never built: ln w is the score minus the log sum, so it takes the mean score alone, and as scores are products with keys,
 * that is the product with the mean key: attention with the keys as values.
 */
export const attentionEntropy = (operands: AttentionScores, options: AttentionOptions = {}): Tensor => {
  const { q, k } = operands;
  const { scale } = attentionAttributes(operands, options);
  const { o: meanKey, logSumExp } = attentionWithLogSumExp({ ...operands, v: k }, options);
  const meanScore = mul(sum(mul(q, meanKey), { axes: [-1] }), scale); // [B, Tq, H]
  const entropy = sub(logSumExp, transpose(meanScore, [0, 2, 1]));
  return maximum(select(finite(logSumExp), entropy, 0), 0);
};

/** The weights of every key for every query, [batch, heads, queries, keys]: 0 where a key is not seen. */
export const attentionMap = (operands: AttentionScores, options: AttentionOptions = {}): Tensor =>
  mapPrimitives(operands, attentionAttributes(operands, options)).probabilities;
