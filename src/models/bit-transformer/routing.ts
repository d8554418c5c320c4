import type { Routing } from '../../nn/index.js';
import {
  add,
  cast,
  constant,
  div,
  elementCount,
  equal,
  iota,
  logSumExp,
  maximum,
  mul,
  pad,
  reshape,
  square,
  sum,
  type Tensor,
} from '../../tensor/index.js';
import type { BitTransformerConfig } from './config.js';

/*
 * What the gates of all blocks tell. With E experts, f_e the share of places that expert e got and P_e the mean of its gate
 * probability, a block's balance loss is E times the sum of f_e P_e (Fedus et al. 2021): 1 where all experts get alike, E
 * where one gets all. Its gradient goes through P alone. The z-loss is the mean square of ln sum exp of the gate's logits
 * (Zoph et al. 2022), which keeps them small. Means are over the positions that count.
 */

/** Of the blocks so far. */
export interface Routed {
  /** Sum of balance losses, an f32 scalar. */
  readonly balance: Tensor;
  /** Sum of z-losses, an f32 scalar. */
  readonly z: Tensor;
  /** Share of places that each expert got in each block, f32 [layers, E]; in a soft mixture its mean probability. */
  readonly usage: Tensor;
}

/** Before the first block. */
export const startRouted = ({ layers, experts }: BitTransformerConfig): Routed => ({
  balance: constant(0),
  z: constant(0),
  usage: constant(0, [layers, experts]),
});

/** Of block `i` alone. `counted`, f32 of R elements, is 1 for positions that count; all do without it. */
export const routedBy = (
  { layers, experts }: BitTransformerConfig,
  i: number,
  { logits, probabilities, chosen }: Routing,
  counted?: Tensor,
): Routed => {
  const count = elementCount(logits.shape) / experts;
  const weights = counted && reshape(counted, [count, 1]);
  const total = weights ? maximum(sum(weights), 1) : constant(count);
  const mean = (x: Tensor): Tensor => div(sum(weights ? mul(x, weights) : x, { axes: [0] }), total);
  const likely = mean(probabilities); // [E]
  const z = sum(mean(square(logSumExp(logits, { keepDims: true }))));
  const picks = chosen.map((index) => cast(equal(iota(experts), index), 'f32')); // [R, E] each
  const isSoft = picks.length === 0;
  const usage = isSoft ? likely : mul(mean(picks.reduce((a, b) => add(a, b))), 1 / picks.length);
  // In a soft mixture all experts run: there is nothing to balance.
  const balance = isSoft ? constant(0) : mul(sum(mul(usage, likely)), experts);
  return { balance, z, usage: pad(reshape(usage, [1, experts]), { axis: 0, before: i, after: layers - 1 - i }) };
};

export const addRouted = (a: Routed, b: Routed): Routed => ({
  balance: add(a.balance, b.balance),
  z: add(a.z, b.z),
  usage: add(a.usage, b.usage),
});
