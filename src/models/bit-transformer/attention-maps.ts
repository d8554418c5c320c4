import type { ProjectedHeads } from '../../nn/index.js';
import {
  type AttentionOptions,
  add,
  attention,
  attentionEntropy,
  attentionMap,
  scope,
  type Tensor,
} from '../../tensor/index.js';
import { startWalk, walkThrough } from './halting.js';
import type { BitTransformer } from './model.js';
import { addBranches } from './streams.js';

/**
 * What each block attends to, f32 [B, heads, C, C] for patches i32 [B, C]: row t holds the weights of positions 0 .. t, and
 * with chunks those of the positions in sight, all others 0. Training and generation never build such maps. To be called
 * within `bind`.
 *
 * @example
 * const maps = compile((parameters, patches) => bind(model, parameters, () => attentionMaps(model, patches)));
 */
export const attentionMaps = (model: BitTransformer, inputs: Tensor): Tensor[] =>
  lookAtAttention(model, inputs, attentionMap);

/** Nats of each position's attention in each block, f32 [B, heads, C]; see `attentionEntropy`. To be called within `bind`. */
export const attentionEntropies = (model: BitTransformer, inputs: Tensor): Tensor[] =>
  lookAtAttention(model, inputs, attentionEntropy);

/** Runs the blocks and keeps what `look` makes of the heads of each. */
const lookAtAttention = (
  model: BitTransformer,
  inputs: Tensor,
  look: (heads: ProjectedHeads, sight: AttentionOptions) => Tensor,
): Tensor[] => {
  const { added, rotation } = scope('positions', () => model.positions.first(inputs.shape[1]!));
  const vectors = model.embed(inputs);
  const found: Tensor[] = [];
  let walk = startWalk(model, added ? add(vectors, added) : vectors); // [B, C, dModel]
  model.blocks.forEach((block, i) => {
    const over = (heads: ProjectedHeads): Tensor => {
      found.push(look(heads, block.attention.sight));
      return attention(heads, block.attention.sight);
    };
    const attend = (x: Tensor): Tensor => block.attendBy(x, over, rotation);
    const feed = (x: Tensor): Tensor => block.feed(x);
    walk = walkThrough(model, i, walk, (streams, mask) => addBranches(streams, mask(attend), mask(feed)));
  });
  return found;
};
