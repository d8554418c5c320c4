import type { ProjectedHeads } from '../../nn/index.js';
import {
  type AttentionOptions,
  add,
  attention,
  attentionEntropy,
  attentionMap,
  constant,
  scope,
  slice,
  type Tensor,
} from '../../tensor/index.js';
import { startWalk, walkThrough } from './halting.js';
import type { BitTransformer } from './model.js';
import { addBranches } from './streams.js';

export interface AttentionLookOptions {
  /** Whether positions see no later ones; true unless told. */
  readonly causal?: boolean;
}

/**
 * What each block attends to, f32 [B, heads, C, C] for patches i32 [B, C]: row t holds the weights of positions 0 .. t, and
 * with chunks those of the positions in sight, all others 0. Training and generation never build such maps. To be called
 * within `bind`.
 *
 * @example
 * const maps = compile((state: nn.ParameterState, patches: Tensor) =>
 *   nn.bind(model, nn.joinParameters(state), () => attentionMaps(model, patches)),
 * );
 */
export const attentionMaps = (model: BitTransformer, inputs: Tensor, options: AttentionLookOptions = {}): Tensor[] =>
  lookAtAttention(model, inputs, options, attentionMap);

/** Nats of each position's attention in each block, f32 [B, heads, C]; see `attentionEntropy`. To be called within `bind`. */
export const attentionEntropies = (
  model: BitTransformer,
  inputs: Tensor,
  options: AttentionLookOptions = {},
): Tensor[] => lookAtAttention(model, inputs, options, attentionEntropy);

/** A part of an attention map that holds all of its weights in these rows. */
export interface AttentionWindow {
  /** Rows [from, to): the positions of a chunk. */
  readonly rows: readonly [from: number, to: number];
  /** Columns [from, to): the positions that these see. */
  readonly columns: readonly [from: number, to: number];
}

/**
 * The windows of the attention maps of `length` patches: with chunks of C and an overlap of O rows s .. min(s + C, length) and
 * columns max(s - O, 0) .. min(s + C + (causal ? 0 : O), length), for s = 0, C, 2 C ...; without chunks one of everything.
 */
export const attentionWindows = (
  { config }: BitTransformer,
  length: number,
  { causal = true }: AttentionLookOptions = {},
): AttentionWindow[] => {
  const chunkSize = config.chunkSize > 0 ? config.chunkSize : length;
  const overlap = config.chunkSize > 0 ? config.overlap : 0;
  return Array.from({ length: Math.ceil(length / chunkSize) }, (_, chunk) => {
    const start = chunk * chunkSize;
    const end = Math.min(start + chunkSize, length);
    const columns = [
      Math.max(start - overlap, 0),
      Math.min(start + chunkSize + (causal ? 0 : overlap), length),
    ] as const;
    return { rows: [start, end], columns };
  });
};

/**
 * `attentionMaps` in parts, which grow with the length and not with its square: for each block one map for each of
 * `attentionWindows`, f32 [B, heads, rows, columns]. To be called within `bind`.
 */
export const attentionWindowMaps = (
  model: BitTransformer,
  inputs: Tensor,
  options: AttentionLookOptions = {},
): Tensor[][] =>
  lookAtAttention(model, inputs, options, ({ q, k }, { causal }) =>
    attentionWindows(model, inputs.shape[1]!, options).map(({ rows, columns }) => {
      const part = (x: Tensor, [start, end]: readonly [number, number]): Tensor => slice(x, { axis: 1, start, end });
      // Within a window only later positions are out of sight.
      const queryOffset = constant(rows[0] - columns[0], [inputs.shape[0]!], 'i32');
      return attentionMap({ q: part(q, rows), k: part(k, columns), queryOffset }, { causal });
    }),
  );

/** Runs the blocks and keeps what `look` makes of the heads of each. */
const lookAtAttention = <Found>(
  model: BitTransformer,
  inputs: Tensor,
  { causal = true }: AttentionLookOptions,
  look: (heads: ProjectedHeads, sight: AttentionOptions) => Found,
): Found[] => {
  const vectors = model.embedWindow(inputs);
  const { added, rotation } = scope('positions', () => model.positions.first(inputs.shape[1]!));
  const found: Found[] = [];
  let walk = startWalk(model, added ? add(vectors, added) : vectors); // [B, C, dModel]
  model.blocks.forEach((block, i) => {
    const sight = { ...block.attention.sight, causal };
    const over = (heads: ProjectedHeads): Tensor => {
      found.push(look(heads, sight));
      return attention(heads, sight);
    };
    const attend = (x: Tensor): Tensor => block.attendBy(x, over, rotation);
    const feed = (x: Tensor): Tensor => block.feed(x);
    walk = walkThrough(model, i, walk, (streams, mask) => addBranches(streams, mask(attend), mask(feed)));
  });
  return found;
};
