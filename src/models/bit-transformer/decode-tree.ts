import { cachedHeads, type KeyValueCache, type ProjectedHeads } from '../../nn/index.js';
import {
  add,
  attentionWithLogSumExp,
  chunkBegin,
  concat,
  constantArray,
  div,
  exp,
  expandDims,
  gather,
  iota,
  maximum,
  minimum,
  mul,
  reshape,
  scope,
  slice,
  sub,
  type Tensor,
  type Tree,
  takeAlong,
  transpose,
} from '../../tensor/index.js';
import { cacheOf } from './decode.js';
import { skipHalted } from './decode-halting.js';
import { endWalk, startWalk, walkThrough } from './halting.js';
import type { BitTransformer } from './model.js';
import { addBranches } from './streams.js';

/*
 * Where a patch is shorter than a byte, the distribution of the next byte needs every way that the byte can begin. All
 * prefixes of whole patches form a tree below the last known patch; since each is known, all of them go through the layers
 * side by side in one pass: a token attends to the cache and to its own ancestors.
 */

const byteBits = 8;

/** The prefixes of a byte in whole patches, level by level; token 0 is the last known patch. */
interface PrefixTree {
  /** How many patches of the byte lead to each token, the token's own included. */
  readonly depths: readonly number[];
  /** The patch that each token is; 0 for token 0, which is only known at run time. */
  readonly patches: readonly number[];
  /** Tokens that token t sees in the tree, from token 0 to itself, in `ancestors[t]`. */
  readonly ancestors: readonly (readonly number[])[];
}

/** Number of the first token of a level: all shorter prefixes come before it. */
const levelStart = (level: number, bitsPerPatch: number): number =>
  (2 ** (bitsPerPatch * level) - 1) / (2 ** bitsPerPatch - 1);

/** Number of the token of a prefix of `level` patches with value `prefix`. */
const tokenOf = (level: number, prefix: number, bitsPerPatch: number): number =>
  levelStart(level, bitsPerPatch) + prefix;

const prefixTree = (bitsPerPatch: number): PrefixTree => {
  const depths: number[] = [];
  const patches: number[] = [];
  const ancestors: number[][] = [];
  for (let level = 0; level * bitsPerPatch < byteBits; level++) {
    for (let prefix = 0; prefix < 2 ** (bitsPerPatch * level); prefix++) {
      depths.push(level);
      patches.push(prefix & (2 ** bitsPerPatch - 1));
      const shorter = Array.from({ length: level + 1 }, (_, l) => prefix >> (bitsPerPatch * (level - l)));
      ancestors.push(shorter.map((value, l) => tokenOf(l, value, bitsPerPatch)));
    }
  }
  return { depths, patches, ancestors };
};

/**
 * Node logits of every prefix of the coming byte, [B, N, 2^P - 1]: N = 255 prefixes for patches of one bit, 1 for patches
 * of a whole byte. The cache holds `position[b]` (i32 [B]) patches of row b, `lastPatch` (i32 [B]) follows on them. The cache
 * is only read. To be called within `bind`.
 */
export const decodeTree = (model: BitTransformer, cache: Tree<Tensor>, lastPatch: Tensor, position: Tensor): Tensor => {
  const tree = prefixTree(model.bitsPerPatch);
  const [batch, tokens] = [lastPatch.shape[0]!, tree.depths.length];
  const below = Array.from({ length: batch }, () => tree.patches.slice(1)).flat();
  const first = expandDims(lastPatch, -1); // [B, 1]
  const inputs = tokens === 1 ? first : concat([first, constantArray(below, [batch, tokens - 1], 'i32')], 1); // [B, N]
  const depths = constantArray(tree.depths, [1, tokens], 'i32');
  const values = scope('positions', () => model.positions.at(add(expandDims(position, -1), depths)));
  const vectors = model.embed(inputs);
  const x = values.added ? add(vectors, values.added) : vectors; // [B, N, dModel]
  let walk = startWalk(model, x);
  model.blocks.forEach((block, i) => {
    const { chunkSize = 0, overlap = 0 } = block.attention.sight;
    const band = chunkSize > 0 ? { chunkSize, overlap } : undefined;
    const over = (heads: ProjectedHeads): Tensor => treeAttention({ tree, position, band }, heads, cacheOf(cache, i));
    const { streams, halting } = walk;
    if (halting && i > 0) {
      const { attention } = block;
      walk = skipHalted(model, i, { streams, halting }, (y) => {
        const kept = attention.keysAndValues(y, values.rotation);
        return (queries) => over({ q: attention.turn(queries, values.rotation), ...kept });
      });
      return;
    }
    const attend = (y: Tensor): Tensor => block.attendBy(y, over, values.rotation);
    const feed = (y: Tensor): Tensor => block.feed(y);
    walk = walkThrough(model, i, walk, (before) => addBranches(before, attend, feed));
  });
  return model.predict(endWalk(walk));
};

/** Where the tree stands and what its tokens see. */
interface Place {
  readonly tree: PrefixTree;
  /** i32 [B]: of token 0. */
  readonly position: Tensor;
  readonly band: Band | undefined;
}

interface Band {
  readonly chunkSize: number;
  readonly overlap: number;
}

/** Attention over the cache and over the ancestors, each a softmax of its own, weighed by what their exponentials sum to. */
const treeAttention = (place: Place, heads: ProjectedHeads, cache: KeyValueCache): Tensor => {
  const { q } = heads;
  const [batch, tokens, count] = q.shape as readonly [number, number, number];
  const context = place.band ? bandAttention(place, place.band, q, cache) : contextAttention(place, q, cache);
  const own = ancestorAttention(place, heads);
  const contextSum = transpose(context.logSumExp, [0, 2, 1]); // [B, N, H], -infinity where the cache is empty
  const ownSum = reshape(own.logSumExp, [batch, tokens, count]); // finite: every token sees itself
  const greatest = maximum(contextSum, ownSum);
  const [ofContext, ofOwn] = [exp(sub(contextSum, greatest)), exp(sub(ownSum, greatest))];
  const total = add(ofContext, ofOwn);
  const share = (part: Tensor): Tensor => expandDims(div(part, total), -1); // [B, N, H, 1]
  const ownValues = reshape(own.o, q.shape);
  return add(mul(share(ofContext), context.o), mul(share(ofOwn), ownValues));
};

interface Attended {
  readonly o: Tensor;
  readonly logSumExp: Tensor;
}

/** All tokens see all of the cache. */
const contextAttention = ({ position }: Place, q: Tensor, cache: KeyValueCache): Attended => {
  const batch = q.shape[0]!;
  return attentionWithLogSumExp({
    q,
    k: cachedHeads(cache.k, batch),
    v: cachedHeads(cache.v, batch),
    keyLength: position,
  });
};

/** The first position that a position sees, i32. */
const firstSeen = (position: Tensor, { chunkSize, overlap }: Band): Tensor =>
  maximum(sub(chunkBegin(position, chunkSize), overlap), 0);

/** Tokens of one level stand at the same position and see the same end of the cache, which is copied out of it. */
const bandAttention = ({ tree, position }: Place, band: Band, q: Tensor, cache: KeyValueCache): Attended => {
  const [batch, , count, headDim] = q.shape as readonly [number, number, number, number];
  const length = cache.k.shape[1]!;
  const seen = Math.min(length, band.chunkSize + band.overlap);
  const starts = constantArray(
    Array.from({ length: batch * count }, (_, head) => head * length),
    [batch, count, 1],
    'i32',
  );
  const levels = [...new Set(tree.depths)].map((level) => {
    const first = firstSeen(add(position, level), band); // [B]
    const from = minimum(add(reshape(first, [batch, 1, 1]), reshape(iota(seen), [1, 1, seen])), length - 1);
    const index = reshape(add(starts, from), [batch * count, seen]);
    const endOf = (rows: Tensor): Tensor => {
      const table = reshape(rows, [batch * count * length, headDim]);
      return cachedHeads(gather(table, index), batch);
    };
    const start = tree.depths.indexOf(level);
    const tokens = slice(q, { axis: 1, start, end: tree.depths.lastIndexOf(level) + 1 });
    return attentionWithLogSumExp({ q: tokens, k: endOf(cache.k), v: endOf(cache.v), keyLength: sub(position, first) });
  });
  if (levels.length === 1) return levels[0]!;
  return {
    o: concat(
      levels.map(({ o }) => o),
      1,
    ),
    logSumExp: concat(
      levels.map(({ logSumExp }) => logSumExp),
      2,
    ),
  };
};

/** Every token is a row of the batch with one query, [B N, 1, H, headDim], and its ancestors are the keys. */
const ancestorAttention = (place: Place, { q, k, v }: ProjectedHeads): Attended => {
  const [batch, tokens, count, headDim] = q.shape as readonly [number, number, number, number];
  const { index, lengths } = linesOf(place, batch);
  const longest = index.shape[1]!;
  const lineOf = (x: Tensor): Tensor => {
    const table = reshape(x, [batch * tokens, count * headDim]);
    return reshape(gather(table, index), [batch * tokens, longest, count, headDim]);
  };
  return attentionWithLogSumExp({
    q: reshape(q, [batch * tokens, 1, count, headDim]),
    k: lineOf(k),
    v: lineOf(v),
    keyLength: lengths,
  });
};

/** The ancestors that each token sees, numbered through all of the batch, i32 [B N, longest], and how many, i32 [B N]. */
const linesOf = ({ tree, position, band }: Place, batch: number): { index: Tensor; lengths: Tensor } => {
  const tokens = tree.depths.length;
  const longest = Math.max(...tree.depths) + 1;
  const rows = Array.from({ length: batch }, (_, b) =>
    // Places beyond the last ancestor are not looked at; they repeat it.
    tree.ancestors.map((line) => Array.from({ length: longest }, (_, i) => b * tokens + (line[i] ?? line.at(-1)!))),
  );
  const depths = Array.from({ length: batch }, () => tree.depths).flat();
  const all = constantArray(rows.flat(2), [batch * tokens, longest], 'i32');
  const lengths = constantArray(
    depths.map((depth) => depth + 1),
    [batch * tokens],
    'i32',
  );
  if (!band) return { index: all, lengths };
  // Where a chunk begins within the tree, the ancestors before its band are hidden: lines begin that much later.
  const own = add(expandDims(position, -1), constantArray(tree.depths, [1, tokens], 'i32')); // [B, N]
  const hidden = reshape(maximum(sub(firstSeen(own, band), expandDims(position, -1)), 0), [batch * tokens]);
  const places = minimum(add(expandDims(hidden, -1), reshape(iota(longest), [1, longest])), longest - 1);
  const starts = constantArray(
    depths.map((_, token) => token * longest),
    [batch * tokens, 1],
    'i32',
  );
  const index = gather(reshape(all, [batch * tokens * longest, 1]), add(starts, places)); // [B N, longest, 1]
  return { index: reshape(index, [batch * tokens, longest]), lengths: sub(lengths, hidden) };
};

/**
 * The bits of a byte as one binary tree in heap order: the nodes of `decodeTree` (or of the last position of `decode`, where
 * a patch holds a whole byte), [B, N, 2^P - 1], to [B, 255].
 */
export const byteNodes = (nodes: Tensor): Tensor => {
  const [batch, tokens, inner] = nodes.shape as readonly [number, number, number];
  const all = reshape(nodes, [batch, tokens * inner]);
  // A patch that begins with the byte has the nodes of the byte first.
  if (tokens === 1 && inner >= 255) return slice(all, { start: 0, end: 255 });
  const bitsPerPatch = Math.log2(inner + 1);
  const index: number[] = [];
  for (let bit = 0; bit < byteBits; bit++) {
    const [level, inPatch] = [Math.floor(bit / bitsPerPatch), bit % bitsPerPatch];
    for (let value = 0; value < 2 ** bit; value++) {
      const token = tokenOf(level, value >> inPatch, bitsPerPatch);
      index.push(token * inner + 2 ** inPatch - 1 + (value & (2 ** inPatch - 1)));
    }
  }
  const forAll = Array.from({ length: batch }, () => index).flat();
  return takeAlong(all, constantArray(forAll, [batch, 255], 'i32'));
};
