import { NonetError } from '../../core/errors.js';
import type { CarriedHeads } from '../../nn/index.js';
import {
  cast,
  less,
  reshape,
  scope,
  slice,
  stopGradient,
  type Tensor,
  type TensorType,
  type Tree,
} from '../../tensor/index.js';
import type { BitTransformerConfig } from './config.js';
import { cacheOf } from './decode.js';
import type { Walk } from './halting.js';
import type { BitTransformer } from './model.js';

/*
 * A stream is longer than the context and goes through the model window by window. What a window sees of those before it
 * are the keys and values of the last `overlap` positions, in each block: with windows of whole chunks that is all that one
 * pass over the whole stream would show it. No gradient goes back into them (truncated backpropagation through time).
 */

/** Where in its stream a window stands, and what the window before it left behind. */
export interface StreamWindow {
  /** i32 [B]: patches before the window; 0 at the start of a stream, where nothing that is carried is seen. */
  readonly position: Tensor;
  /** In the form of `BitTransformer.streamTypes`. */
  readonly carried: Tree<Tensor>;
}

/** Why a model cannot take a stream window by window; undefined where it can. */
export const streamObstacle = (config: BitTransformerConfig): string | undefined => {
  const { chunkSize, overlap, contextLength, positions } = config;
  if (chunkSize === 0) return 'model.chunkSize is 0, so that every position sees all before it: set a chunkSize';
  if (overlap === 0) return 'model.overlap is 0, so that a window would see nothing of the one before: set an overlap';
  if (contextLength % chunkSize !== 0) {
    return `model.contextLength ${contextLength} is no multiple of model.chunkSize ${chunkSize}: windows are whole chunks`;
  }
  if (overlap > contextLength) return `model.overlap ${overlap} is more than a window of ${contextLength} patches`;
  if (positions === 'learned') {
    return 'model.positions learned ends at the context length: take rotary, or sinusoidal';
  }
  return undefined;
};

/** Throws `E_CONFIG` for a model that cannot take a stream. */
export const requireStreamable = (config: BitTransformerConfig): void => {
  const obstacle = streamObstacle(config);
  if (obstacle) throw new NonetError('E_CONFIG', `a stream longer than the context: ${obstacle}`);
};

/** For each block keys, not turned, and values of the last `overlap` patches, f32 [batch, overlap, dModel] each. */
export const streamTypes = ({ config, blocks }: BitTransformer, batch: number): Tree<TensorType> => {
  requireStreamable(config);
  const type: TensorType = { shape: [batch, config.overlap, config.dModel], dtype: 'f32' };
  return blocks.map(() => ({ k: type, v: type }));
};

/** What each block sees before the window. */
export const carriedHeads = (model: BitTransformer, window: StreamWindow, length: number): CarriedHeads[] => {
  const { config, blocks, positions } = model;
  requireStreamable(config);
  const { chunkSize, overlap } = config;
  if (length % chunkSize !== 0 || length < overlap) {
    const expected = `whole chunks of ${chunkSize} patches, ${overlap} patches at least`;
    throw new NonetError('E_SHAPE', `a window of a stream must be ${expected}; got ${length} patches`);
  }
  const isThere = less(0, window.position);
  const rotation = positions.turnBefore(overlap);
  return blocks.map((_, i) => ({ ...cacheOf(window.carried, i), isThere, rotation }));
};

/** Keys and values that block `i` leaves to the next window; the walk stands before the block. */
export const leftBehind = ({ blocks, config }: BitTransformer, i: number, { streams }: Walk): readonly Tensor[] =>
  scope(`blocks.${i}/carried`, () => {
    const block = blocks[i]!;
    const x = streams.at(-1)!;
    const last = stopGradient(slice(x, { axis: 1, start: x.shape[1]! - config.overlap }));
    const { k, v } = block.attention.keysAndValues(block.normalised(last));
    return [k, v].map((part) => stopGradient(cast(reshape(part, last.shape), 'f32')));
  });

/** The flat list of all blocks' keys and values as a tree. */
export const carriedTree = (left: readonly Tensor[]): Tree<Tensor> =>
  Array.from({ length: left.length / 2 }, (_, i) => ({ k: left[2 * i]!, v: left[2 * i + 1]! }));
