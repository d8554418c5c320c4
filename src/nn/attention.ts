import {
  type AttentionOptions,
  add,
  attention,
  broadcastTo,
  expandDims,
  reshape,
  rotary,
  scope,
  split,
  type Tensor,
  transpose,
  updateRows,
} from '../tensor/index.js';
import type { Linear } from './linear.js';
import { type LowRankLinear, newLinear } from './low-rank.js';

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
  forward(x: Tensor, rotation?: Rotation): Tensor {
    const { q, k, v } = this.project(x, rotation);
    return this.output(attention({ q, k, v }, this.sight));
  }

  /**
   * The same for new positions x [batch, n, width] alone, whose row b follows on `position[b]` (i32 [batch]) positions in
   * the cache. The cache that is returned has their keys and values as well.
   */
  decode(x: Tensor, cache: KeyValueCache, position: Tensor, rotation?: Rotation): { y: Tensor; cache: KeyValueCache } {
    const { q, k, v } = this.project(x, rotation);
    const [batch, added, heads, headDim] = k.shape as readonly [number, number, number, number];
    const rowsOf = (part: Tensor): Tensor => reshape(transpose(part, [0, 2, 1, 3]), [batch * heads, added, headDim]);
    const positions = reshape(broadcastTo(expandDims(position, -1), [batch, heads]), [batch * heads]);
    const written = {
      k: updateRows(cache.k, rowsOf(k), positions),
      v: updateRows(cache.v, rowsOf(v), positions),
    };
    const operands = { q, k: cachedHeads(written.k, batch), v: cachedHeads(written.v, batch) };
    const extents = { keyLength: add(position, added), queryOffset: position };
    return { y: this.output(attention({ ...operands, ...extents }, this.sight)), cache: written };
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
    const [batch, length, width] = x.shape as readonly [number, number, number];
    const parts = split(
      scope('qkv', () => this.qkv.forward(x)),
      3,
    );
    const [q, k, v] = parts.map((part) => reshape(part, [batch, length, this.heads, width / this.heads])) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    if (!rotation) return { q, k, v };
    return { q: rotary(q, rotation.cos, rotation.sin), k: rotary(k, rotation.cos, rotation.sin), v };
  }

  /** Heads side by side, [batch, length, heads, headDim], mixed to [batch, length, width]. */
  private output(heads: Tensor): Tensor {
    const [batch, length, count, headDim] = heads.shape as readonly [number, number, number, number];
    const joined = reshape(heads, [batch, length, count * headDim]);
    return scope('projection', () => this.projection.forward(joined));
  }
}
