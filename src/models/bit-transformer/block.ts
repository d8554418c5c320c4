import {
  CausalSelfAttention,
  Dropout,
  FeedForward,
  type KeyValueCache,
  LayerNorm,
  type ProjectedHeads,
  RMSNorm,
  type Rotation,
} from '../../nn/index.js';
import { add, type RandomSource, scope, type Tensor } from '../../tensor/index.js';
import type { BitTransformerConfig } from './config.js';

export type Norm = LayerNorm | RMSNorm;

export const newNorm = ({ norm, dModel, biases }: BitTransformerConfig): Norm =>
  norm === 'layer' ? new LayerNorm(dModel, { bias: biases }) : new RMSNorm(dModel);

/** `x + attention(norm(x))`, then `x + feedForward(norm(x))`: the residual stream itself is never normalised. */
export class Block {
  readonly attentionNorm: Norm;
  readonly attention: CausalSelfAttention;
  readonly feedForwardNorm: Norm;
  readonly feedForward: FeedForward;
  readonly dropout: Dropout;

  constructor(config: BitTransformerConfig) {
    const { dModel: width, heads, feedForward: inner, activation, biases, layers } = config;
    // 2 * layers branches add to the stream; its variance should not grow with their number (GPT-2).
    const residualDeviation = 0.02 / Math.sqrt(2 * layers);
    this.attentionNorm = newNorm(config);
    this.attention = new CausalSelfAttention({ width, heads, biases, residualDeviation });
    this.feedForwardNorm = newNorm(config);
    this.feedForward = new FeedForward({ width, inner, activation, biases, residualDeviation });
    this.dropout = new Dropout(config.dropout);
  }

  /** x [batch, length, width] to the same. */
  forward(x: Tensor, { rotation, random }: { rotation?: Rotation; random?: RandomSource }): Tensor {
    const attended = scope('attention', () => this.attention.forward(this.normalised(x), rotation));
    return this.feed(add(x, this.dropout.forward(attended, random)), random);
  }

  /** The same for positions that follow on those in the cache; see `CausalSelfAttention.decode`. */
  decode(x: Tensor, cache: KeyValueCache, position: Tensor, rotation?: Rotation): { y: Tensor; cache: KeyValueCache } {
    const attended = scope('attention', () => this.attention.decode(this.normalised(x), cache, position, rotation));
    return { y: this.feed(add(x, attended.y)), cache: attended.cache };
  }

  /** The same with another attention; see `CausalSelfAttention.around`. */
  around(x: Tensor, attend: (heads: ProjectedHeads) => Tensor, rotation?: Rotation): Tensor {
    const attended = scope('attention', () => this.attention.around(this.normalised(x), attend, rotation));
    return this.feed(add(x, attended));
  }

  private normalised(x: Tensor): Tensor {
    return scope('norm', () => this.attentionNorm.forward(x));
  }

  private feed(x: Tensor, random?: RandomSource): Tensor {
    const normalised = scope('feedForwardNorm', () => this.feedForwardNorm.forward(x));
    const fed = scope('feedForward', () => this.feedForward.forward(normalised));
    return add(x, this.dropout.forward(fed, random));
  }
}
