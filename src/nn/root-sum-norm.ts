import { div, maximum, mul, sqrt, square, sum, type Tensor } from '../tensor/index.js';
import { Parameter } from './parameter.js';

/** So that a row of zeros does not divide by zero. */
const epsilon = 1e-16;

/** What is negative times the slope, from 0 up to 1 (Maas et al. 2013). */
export const leakyRelu = (x: Tensor, slope: number): Tensor => maximum(x, mul(x, slope));

export interface RootSumNormOptions {
  /** Slope below zero of the leaky ReLU that follows; without one none does. */
  readonly slope?: number;
  /** Whether there is a weight, yes unless told. */
  readonly scale?: boolean;
}

/**
 * `x * weight / max(sqrt(sum(x^2)), 1e-16)` over the last axis: RMSNorm up to the root of the width, which the weight can take
 * over. With a `slope` from 0 up to 1 a leaky ReLU (Maas et al. 2013) follows: what is negative is multiplied by it.
 */
export class RootSumNorm {
  readonly weight: Parameter | undefined;
  readonly slope: number | undefined;

  constructor(width: number, { slope, scale = true }: RootSumNormOptions = {}) {
    this.weight = scale ? new Parameter([width], { initializer: { kind: 'ones' } }) : undefined;
    this.slope = slope;
  }

  /** [..., width] to the same */
  forward(x: Tensor): Tensor {
    const length = maximum(sqrt(sum(square(x), { axes: [-1], keepDims: true })), epsilon); // [..., 1]
    const unit = div(x, length);
    const y = this.weight ? mul(unit, this.weight.value) : unit;
    return this.slope === undefined ? y : leakyRelu(y, this.slope);
  }
}
