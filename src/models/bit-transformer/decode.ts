import { NonetError } from '../../core/errors.js';
import { type KeyValueCache, withPositions } from '../../nn/index.js';
import { add, describeType, reshape, scope, Tensor, type TensorType, type Tree } from '../../tensor/index.js';
import type { Branch } from '../../transform/index.js';
import { skipHalted } from './decode-halting.js';
import { endWalk, startWalk, walkThrough } from './halting.js';
import type { BitTransformer } from './model.js';
import { addBranches } from './streams.js';

export interface Decoded {
  /** [B, n, 2^P - 1] */
  readonly nodes: Tensor;
  /** The cache with the new positions, in the form of `cacheTypes`. */
  readonly cache: Tree<Tensor>;
  /** With `act`, f32 [B, n]: how many blocks each position ran through. */
  readonly depth?: Tensor;
}

/** For each block keys and values, f32 [batch * heads, length, headDim] each. */
export const cacheTypes = (model: BitTransformer, batch: number, length: number): Tree<TensorType> => {
  const { heads, dModel } = model.config;
  const type: TensorType = { shape: [batch * heads, length, dModel / heads], dtype: 'f32' };
  return model.blocks.map(() => ({ k: type, v: type }));
};

/** See `BitTransformer.decode`. */
export const decode = (model: BitTransformer, cache: Tree<Tensor>, inputs: Tensor, position: Tensor): Decoded => {
  const count = inputs.shape[1] ?? 0;
  const values = scope('positions', () => model.positions.from(position, count));
  const vectors = model.embed(inputs);
  const x = values.added ? add(vectors, values.added) : vectors; // [B, n, dModel]
  let walk = startWalk(model, x);
  const next = model.blocks.map((block, i) => {
    let written = cacheOf(cache, i);
    const { streams, halting } = walk;
    // All positions run through the first block.
    if (halting && i > 0) {
      const { attention } = block;
      walk = skipHalted(model, i, { streams, halting }, (y) => {
        written = withPositions(written, attention.keysAndValues(y, values.rotation), position);
        return (queries, isLive) =>
          attention.recall(attention.turn(queries, values.rotation), written, position, isLive);
      });
      return { k: written.k, v: written.v };
    }
    const attend: Branch = (y) => {
      const result = block.attendFrom(y, written, position, values.rotation);
      written = result.cache;
      return result.y;
    };
    walk = walkThrough(model, i, walk, (before) => addBranches(before, attend, (y) => block.feed(y)));
    return { k: written.k, v: written.v };
  });
  const nodes = model.predict(endWalk(walk));
  const depth = walk.halting && reshape(walk.halting.depth, inputs.shape);
  return { nodes, cache: next, ...(depth && { depth }) };
};

/** States come back from the engine as records, so blocks are looked up by key. */
export const cacheOf = (cache: Tree<Tensor>, block: number): KeyValueCache => {
  const { k, v } = (cache as unknown as Record<string, Partial<KeyValueCache> | undefined>)[block] ?? {};
  if (k instanceof Tensor && v instanceof Tensor && k.shape.length === 3) return { k, v };
  const got = k instanceof Tensor ? describeType(k) : 'nothing';
  throw new NonetError('E_TRACE', `decode: block ${block} of the cache is ${got}; make it from cacheTypes()`);
};
