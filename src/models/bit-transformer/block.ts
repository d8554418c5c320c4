import {
  CausalSelfAttention,
  Dropout,
  FeedForward,
  type KeyValueCache,
  LayerNorm,
  MixtureOfExperts,
  type ProjectedHeads,
  RMSNorm,
  type Rotation,
  type Routing,
  type SightOptions,
} from '../../nn/index.js';
import { type RandomSource, scope, type Tensor } from '../../tensor/index.js';
import type { BitTransformerConfig } from './config.js';
import { HaltingUnit } from './halting.js';

export type Norm = LayerNorm | RMSNorm;

export const newNorm = ({ norm, dModel, biases }: BitTransformerConfig): Norm =>
  norm === 'layer' ? new LayerNorm(dModel, { bias: biases }) : new RMSNorm(dModel);

export interface AttendOptions extends SightOptions {
  readonly rotation?: Rotation;
  readonly random?: RandomSource;
}

/** The two branches of a layer. Each norms its input itself; how they add to the residual stream is said in streams.ts. */
export class Block {
  readonly attentionNorm: Norm;
  readonly attention: CausalSelfAttention;
  readonly feedForwardNorm: Norm;
  readonly feedForward: FeedForward | MixtureOfExperts;
  readonly dropout: Dropout;
  readonly halting: HaltingUnit | undefined;

  constructor(config: BitTransformerConfig) {
    const { dModel: width, heads, feedForward: inner, activation, biases, layers, rank } = config;
    const { chunkSize, overlap, experts } = config;
    // 2 * layers branches add to the stream; its variance should not grow with their number (GPT-2).
    const residualDeviation = 0.02 / Math.sqrt(2 * layers);
    this.attentionNorm = newNorm(config);
    this.attention = new CausalSelfAttention({ width, heads, biases, residualDeviation, chunkSize, overlap, rank });
    this.feedForwardNorm = newNorm(config);
    const feedForward = { width, inner, activation, biases, residualDeviation, rank };
    this.feedForward =
      experts > 0 ? new MixtureOfExperts({ ...feedForward, ...mixtureOf(config) }) : new FeedForward(feedForward);
    this.dropout = new Dropout(config.dropout);
    this.halting = config.act ? new HaltingUnit(width) : undefined;
  }

  /** x [batch, length, width] to what attention adds to it. */
  attend(x: Tensor, { rotation, random, ...sight }: AttendOptions): Tensor {
    const attended = scope('attention', () => this.attention.forward(this.normalised(x), rotation, sight));
    return this.dropout.forward(attended, random);
  }

  /** The same for positions that follow on those in the cache; see `CausalSelfAttention.decode`. */
  attendFrom(
    x: Tensor,
    cache: KeyValueCache,
    position: Tensor,
    rotation?: Rotation,
  ): { y: Tensor; cache: KeyValueCache } {
    return scope('attention', () => this.attention.decode(this.normalised(x), cache, position, rotation));
  }

  /** The same with another attention; see `CausalSelfAttention.around`. */
  attendBy(x: Tensor, attend: (heads: ProjectedHeads) => Tensor, rotation?: Rotation): Tensor {
    return scope('attention', () => this.attention.around(this.normalised(x), attend, rotation));
  }

  /** x [batch, length, width] to what the feed-forward part adds to it. Where it has experts, `tell` hears of the routing. */
  feed(x: Tensor, random?: RandomSource, tell?: (routing: Routing) => void): Tensor {
    const { feedForward } = this;
    const normalised = scope('feedForwardNorm', () => this.feedForwardNorm.forward(x));
    const fed = scope('feedForward', () => {
      if (feedForward instanceof FeedForward) return feedForward.forward(normalised);
      const routing = feedForward.route(normalised);
      tell?.(routing);
      return feedForward.forward(normalised, routing);
    });
    return this.dropout.forward(fed, random);
  }

  /** Where the positions of x go, of a block with experts. */
  routing(x: Tensor): Routing {
    const { feedForward } = this;
    if (feedForward instanceof FeedForward) throw new Error('a block without experts routes nothing');
    const normalised = scope('feedForwardNorm', () => this.feedForwardNorm.forward(x));
    return scope('feedForward', () => feedForward.route(normalised));
  }

  /** What the attention of x works on. */
  normalised(x: Tensor): Tensor {
    return scope('norm', () => this.attentionNorm.forward(x));
  }
}

const mixtureOf = ({ experts, expertsPerToken, gateLayers, softExperts }: BitTransformerConfig) => ({
  experts,
  perToken: expertsPerToken,
  gateLayers: gateLayers === 2 ? (2 as const) : (1 as const),
  soft: softExperts,
});
