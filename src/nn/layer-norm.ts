import { add, mean, mul, rsqrt, square, sub, type Tensor } from '../tensor/index.js';
import { Parameter } from './parameter.js';
import { keepingInput } from './precision.js';

/** Under the root, so that a constant row does not divide by zero. */
const epsilon = 1e-5;

/** Layer normalisation (Ba et al. 2016): `(x - mean) / sqrt(variance + 1e-5) * weight + bias` over the last axis. */
export class LayerNorm {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  constructor(width: number, { bias = true }: { bias?: boolean } = {}) {
    this.weight = new Parameter([width], { initializer: { kind: 'ones' } });
    this.bias = bias ? new Parameter([width]) : undefined;
  }

  /** [..., width] to the same */
  forward(x: Tensor): Tensor {
    return keepingInput((y) => this.normalise(y), x);
  }

  private normalise(x: Tensor): Tensor {
    const centered = sub(x, mean(x, { axes: [-1], keepDims: true }));
    const variance = mean(square(centered), { axes: [-1], keepDims: true }); // [..., 1]
    const scaled = mul(mul(centered, rsqrt(add(variance, epsilon))), this.weight.value);
    return this.bias ? add(scaled, this.bias.value) : scaled;
  }
}
