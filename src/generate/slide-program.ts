import { type Compiled, compile } from '../compile/compile.js';
import { cacheOf } from '../models/bit-transformer/decode.js';
import type { BitTransformer, LanguageModel } from '../models/index.js';
import { rotaryTables } from '../nn/index.js';
import {
  broadcastTo,
  concat,
  constant,
  constantArray,
  reshape,
  rotary,
  select,
  slice,
  type Tensor,
  type Tree,
} from '../tensor/index.js';

/**
 * By how many patches the cache of a model can move down when `position` patches are in it, so that the patches to come see
 * what one pass over the whole text would show them; 0 where it cannot. Chunks stay whole, and so do bytes. Positions must
 * only tell how far patches are apart, as turns do.
 */
export const exactSlide = ({ config }: LanguageModel, position: number, patchesPerByte: number): number => {
  if (config.family !== 'bit-transformer') return 0;
  const { chunkSize, overlap, positions } = config;
  if (chunkSize === 0 || positions !== 'rotary') return 0;
  const firstSeen = Math.floor(position / chunkSize) * chunkSize - overlap;
  const unit = leastCommonMultiple(chunkSize, patchesPerByte);
  return Math.max(0, Math.floor(firstSeen / unit) * unit);
};

const leastCommonMultiple = (a: number, b: number): number => {
  let multiple = a;
  while (multiple % b !== 0) multiple += a;
  return multiple;
};

/**
 * (decode state, isFull bool [B]) -> { state }: moves the cache of rows that are full down by `patches`. Keys turn back by as
 * much, as if the text began that much later.
 */
export const slideProgram = (model: BitTransformer, patches: number): Compiled => {
  const { heads, dModel } = model.config;
  const headDim = dModel / heads;
  return compile(
    ({ cache }: { cache: Tree<Tensor> }, isFull: Tensor) => {
      const back = rotaryTables(1, headDim, { first: -patches });
      const moved = (rows: Tensor): Tensor => {
        const [count, length] = rows.shape as readonly [number, number, number];
        const free = constant(0, [count, Math.min(patches, length), headDim]);
        return concat([slice(rows, { axis: 1, start: Math.min(patches, length) }), free], 1);
      };
      const turned = (rows: Tensor): Tensor => {
        const [count, length] = rows.shape as readonly [number, number, number];
        const table = (values: Float64Array): Tensor =>
          broadcastTo(constantArray(values, [1, 1, headDim / 2]), [1, length, headDim / 2]);
        const apart = reshape(rows, [count, length, 1, headDim]);
        return reshape(rotary(apart, table(back.cos), table(back.sin)), rows.shape);
      };
      const next = model.blocks.map((_, i) => {
        const { k, v } = cacheOf(cache, i);
        const batch = isFull.shape[0]!;
        const full = reshape(broadcastTo(reshape(isFull, [batch, 1]), [batch, heads]), [batch * heads, 1, 1]);
        return { k: select(full, turned(moved(k)), k), v: select(full, moved(v), v) };
      });
      return { state: { cache: next } };
    },
    { donate: 'state' },
  );
};
