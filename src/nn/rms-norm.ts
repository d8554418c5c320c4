import { add, mean, mul, rsqrt, square, type Tensor } from '../tensor/index.js';
import { Parameter } from './parameter.js';
import { keepingInput } from './precision.js';

/** Under the root, so that a row of zeros does not divide by zero. */
const epsilon = 1e-5;

/** Root mean square normalisation (Zhang and Sennrich 2019): `x / sqrt(mean(x^2) + 1e-5) * weight` over the last axis. */
export class RMSNorm {
  readonly weight: Parameter;

  constructor(width: number) {
    this.weight = new Parameter([width], { initializer: { kind: 'ones' } });
  }

  /** [..., width] to the same */
  forward(x: Tensor): Tensor {
    return keepingInput((y) => this.normalise(y), x);
  }

  private normalise(x: Tensor): Tensor {
    const meanSquare = mean(square(x), { axes: [-1], keepDims: true }); // [..., 1]
    return mul(mul(x, rsqrt(add(meanSquare, epsilon))), this.weight.value);
  }
}
