import { gelu, mul, relu, silu, split, square, type Tensor } from '../tensor/index.js';
import type { Linear } from './linear.js';
import { type LowRankLinear, newLinear } from './low-rank.js';
import { keepingInput } from './precision.js';

/**
 * - `gelu`: Hendrycks and Gimpel 2016;
 * - `swiglu`: one half of the inner product gates the other through SiLU, Shazeer 2020;
 * - `reluSquared`: max(x, 0)^2, So et al. 2021.
 */
export type Activation = 'gelu' | 'swiglu' | 'reluSquared';

export interface FeedForwardOptions {
  readonly width: number;
  /** Values per position between the two products. `swiglu` computes twice as many, for the gate. */
  readonly inner: number;
  readonly activation: Activation;
  readonly biases: boolean;
  /** Deviation of the first values of the product that adds to the residual stream. */
  readonly residualDeviation: number;
  /** Inner width of the products as two thin matrices; 0, or left out: whole matrices. */
  readonly rank?: number;
}

/** The part of a block that works on each position alone: widen, bend, narrow. */
export class FeedForward {
  readonly activation: Activation;
  readonly up: Linear | LowRankLinear;
  readonly down: Linear | LowRankLinear;

  constructor({ width, inner, activation, biases, residualDeviation, rank = 0 }: FeedForwardOptions) {
    this.activation = activation;
    this.up = newLinear({ inputs: width, outputs: innerWidth(activation, inner), bias: biases, rank });
    this.down = newLinear({ inputs: inner, outputs: width, bias: biases, deviation: residualDeviation, rank });
  }

  /** [..., width] to the same */
  forward(x: Tensor): Tensor {
    return this.down.forward(keepingInput((inner) => activate(this.activation, inner), this.up.forward(x)));
  }
}

/** Values per position before the bend: `swiglu` takes twice as many. */
export const innerWidth = (activation: Activation, inner: number): number =>
  activation === 'swiglu' ? 2 * inner : inner;

/** [..., inner], or twice that for `swiglu`, to [..., inner] */
export const activate = (activation: Activation, x: Tensor): Tensor => {
  switch (activation) {
    case 'gelu':
      return gelu(x);
    case 'reluSquared':
      return square(relu(x));
    case 'swiglu': {
      const [gate, value] = split(x, 2) as [Tensor, Tensor];
      return mul(silu(gate), value);
    }
  }
};
