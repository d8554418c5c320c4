import {
  type AttentionOperands,
  type AttentionOptions,
  add,
  attention,
  broadcastTo,
  cast,
  concat,
  constant,
  expandDims,
  mul,
  reshape,
  rotary,
  scope,
  select,
  split,
  type Tensor,
  transpose,
  updateRows,
} from '../tensor/index.js';
import type { Linear } from './linear.js';
import { type LowRankLinear, newLinear } from './low-rank.js';
import { attend } from './precision.js';

export interface CausalSelfAttentionOptions {
  readonly width: number;
  /** Divides `width`. */
  readonly heads: number;
  readonly biases: boolean;
  /** Deviation of the first values of the product that adds to the residual stream. */
  readonly residualDeviation: number;
  /** Positions of a chunk, which see each other and `overlap` more before them; 0, or left out: all before them. */
  readonly chunkSize?: number;
  /** 0 unless told. */
  readonly overlap?: number;
  /** Inner width of the products as two thin matrices; 0, or left out: whole matrices. */
  readonly rank?: number;
}

/** Angles by which queries and keys turn, f32 [batch or 1, length, headDim / 2] each. */
export interface Rotation {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/**
 * Keys and values of the positions so far, f32 [batch * heads, length, headDim] each; keys are already turned. Those of one
 * head lie side by side: a new position reads them all, and so reads on and on.
 */
export interface KeyValueCache {
  readonly k: Tensor;
  readonly v: Tensor;
}

/** Cached keys or values of `batch` sequences as attention takes them, [batch, length, heads, headDim]. Nothing moves. */
export const cachedHeads = (rows: Tensor, batch: number): Tensor => {
  const [count, length, headDim] = rows.shape as readonly [number, number, number];
  return transpose(reshape(rows, [batch, count / batch, length, headDim]), [0, 2, 1, 3]);
};

/** What an attention works on, [batch, length, heads, headDim] each; queries and keys are already turned. */
export interface ProjectedHeads {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/** What a stream of positions left behind for the ones that follow on it. */
export interface CarriedHeads {
  /** Keys of the last positions, not turned, f32 [batch, carried, width]. */
  readonly k: Tensor;
  readonly v: Tensor;
  /** bool [batch]: whether there is anything before the first position; where it is false, what is carried is not seen. */
  readonly isThere: Tensor;
  /** Angles of positions -carried .. -1. */
  readonly rotation?: Rotation;
}

/** What a call may say of the sight of its positions. */
export interface SightOptions {
  /** Whether a position sees no later ones; true unless told. */
  readonly causal?: boolean;
  /** Of a stream whose next positions these are. Needs chunks, and a length of whole chunks. */
  readonly carried?: CarriedHeads;
}

/** Self-attention in which a position sees itself and what came before it (Vaswani et al. 2017), or the end of that. */
export class CausalSelfAttention {
  readonly heads: number;
  /** What a position sees. */
  readonly sight: AttentionOptions;
  readonly qkv: Linear | LowRankLinear;
  readonly projection: Linear | LowRankLinear;

  constructor({
    width,
    heads,
    biases,
    residualDeviation,
    chunkSize = 0,
    overlap = 0,
    rank = 0,
  }: CausalSelfAttentionOptions) {
    this.heads = heads;
    this.sight = { causal: true, chunkSize, overlap };
    this.qkv = newLinear({ inputs: width, outputs: 3 * width, bias: biases, rank });
    this.projection = newLinear({ inputs: width, outputs: width, bias: biases, deviation: residualDeviation, rank });
  }

  /** x [batch, length, width] to the same. */
  forward(x: Tensor, rotation?: Rotation, options: SightOptions = {}): Tensor {
    return this.output(this.see(this.project(x, rotation), options));
  }

  /**
   * What turned queries see. Sequences in which `isLive` (bool [batch]) is false may be passed over: they get zeros then.
   */
  see(heads: ProjectedHeads, { causal = true, carried }: SightOptions = {}, isLive?: Tensor): Tensor {
    const sight = { ...this.sight, causal };
    const { operands, length } = carried ? this.behind(heads, carried) : { operands: heads, length: heads.k.shape[1]! };
    if (!isLive) return attend(operands, sight);
    return attention({ ...operands, keyLength: mul(cast(isLive, 'i32'), length) }, sight);
  }

  /**
   * Keys and values behind those that are carried. Chunks are counted from the first key, so what is carried fills whole
   * chunks, of which only its own positions are ever seen; where nothing is there the new keys come first.
   */
  private behind(
    { q, k, v }: ProjectedHeads,
    carried: CarriedHeads,
  ): { operands: AttentionOperands; length: Tensor | number } {
    const [batch, length] = k.shape as readonly [number, number];
    const width = k.shape[2]! * k.shape[3]!;
    const kept = carried.k.shape[1]!;
    const chunkSize = this.sight.chunkSize ?? 0;
    const before = Math.ceil(kept / chunkSize) * chunkSize;
    const queryOffset = select(carried.isThere, before, constant(0, [batch], 'i32'));
    const filled = (old: Tensor, rows: Tensor): Tensor => {
      const parts = [
        constant(0, [batch, before - kept, width], rows.dtype),
        reshape(old, [batch, kept, width]),
        constant(0, [batch, length, width], rows.dtype),
      ];
      const all = concat(before > kept ? parts : parts.slice(1), 1);
      const table = updateRows(all, reshape(rows, [batch, length, width]), queryOffset);
      return reshape(table, [batch, before + length, this.heads, width / this.heads]);
    };
    const turned = rotated(this.headsOf(cast(carried.k, k.dtype)), carried.rotation);
    const keyLength = add(queryOffset, length);
    const operands = { q, k: filled(turned, k), v: filled(cast(carried.v, v.dtype), v), keyLength, queryOffset };
    return { operands, length: keyLength };
  }

  /**
   * The same for new positions x [batch, n, width] alone, whose row b follows on `position[b]` (i32 [batch]) positions in
   * the cache. The cache that is returned has their keys and values as well.
   */
  decode(x: Tensor, cache: KeyValueCache, position: Tensor, rotation?: Rotation): { y: Tensor; cache: KeyValueCache } {
    const { q, k, v } = this.project(x, rotation);
    const written = withPositions(cache, { k, v }, position);
    return { y: this.output(this.recall(q, written, position)), cache: written };
  }

  /** Keys and values of x [batch, n, width] alone: all that others need of a position. */
  keysAndValues(x: Tensor, rotation?: Rotation): KeyValueCache {
    const width = x.shape[2]!;
    const both = scope('qkv', () => this.qkv.part(x, width, 3 * width));
    const [k, v] = split(both, 2).map((part) => this.headsOf(part)) as [Tensor, Tensor];
    return { k: rotated(k, rotation), v };
  }

  /** What `keysAndValues` leaves out, of any rows x [n, width]: queries that are not turned yet, heads side by side. */
  queries(x: Tensor): Tensor {
    return scope('qkv', () => this.qkv.part(x, 0, x.shape[1]!));
  }

  /** Queries [batch, n, width] as attention takes them. */
  turn(queries: Tensor, rotation?: Rotation): Tensor {
    return rotated(this.headsOf(queries), rotation);
  }

  /**
   * What turned queries of the last positions in the cache see in it, which had `position` before them. Sequences in which
   * `isLive` (bool [batch]) is false are passed over and get zeros.
   */
  recall(q: Tensor, cache: KeyValueCache, position: Tensor, isLive?: Tensor): Tensor {
    const [batch, added] = q.shape as readonly [number, number];
    const keys = add(position, added);
    const keyLength = isLive ? select(isLive, keys, 0) : keys;
    const operands = { q, k: cachedHeads(cache.k, batch), v: cachedHeads(cache.v, batch) };
    return attention({ ...operands, keyLength, queryOffset: position }, this.sight);
  }

  /** Heads side by side, [..., width], mixed to [..., width]. */
  mix(heads: Tensor): Tensor {
    return scope('projection', () => this.projection.forward(heads));
  }

  /**
   * The layer around another attention, which takes the projected heads to values in the shape of `q`: x [batch, length, width]
   * to the same.
   */
  around(x: Tensor, attend: (heads: ProjectedHeads) => Tensor, rotation?: Rotation): Tensor {
    return this.output(attend(this.project(x, rotation)));
  }

  /** Queries, keys and values. */
  private project(x: Tensor, rotation: Rotation | undefined): ProjectedHeads {
    const parts = split(
      scope('qkv', () => this.qkv.forward(x)),
      3,
    );
    const [q, k, v] = parts.map((part) => this.headsOf(part)) as [Tensor, Tensor, Tensor];
    return { q: rotated(q, rotation), k: rotated(k, rotation), v };
  }

  /** [batch, length, width] to [batch, length, heads, headDim] */
  private headsOf(part: Tensor): Tensor {
    const [batch, length, width] = part.shape as readonly [number, number, number];
    return reshape(part, [batch, length, this.heads, width / this.heads]);
  }

  /** Heads side by side, [batch, length, heads, headDim], mixed to [batch, length, width]. */
  private output(heads: Tensor): Tensor {
    const [batch, length, count, headDim] = heads.shape as readonly [number, number, number, number];
    return this.mix(reshape(heads, [batch, length, count * headDim]));
  }
}

const rotated = (heads: Tensor, rotation: Rotation | undefined): Tensor =>
  rotation ? rotary(heads, rotation.cos, rotation.sin) : heads;

/** The cache with keys and values of new positions, [batch, n, heads, headDim], behind the `position` (i32 [batch]) in it. */
export const withPositions = (cache: KeyValueCache, { k, v }: KeyValueCache, position: Tensor): KeyValueCache => {
  const [batch, added, heads, headDim] = k.shape as readonly [number, number, number, number];
  const rowsOf = (part: Tensor): Tensor => reshape(transpose(part, [0, 2, 1, 3]), [batch * heads, added, headDim]);
  const positions = reshape(broadcastTo(expandDims(position, -1), [batch, heads]), [batch * heads]);
  return { k: updateRows(cache.k, rowsOf(k), positions), v: updateRows(cache.v, rowsOf(v), positions) };
};
