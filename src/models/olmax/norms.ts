import { LayerNorm, leakyRelu, type Norm, RMSNorm, RootSumNorm } from '../../nn/index.js';
import type { Tensor } from '../../tensor/index.js';
import type { OlmaxConfig } from './config.js';

/** RMSNorm and a leaky ReLU behind it. */
class LeakyRMSNorm extends RMSNorm {
  constructor(
    width: number,
    readonly slope: number,
  ) {
    super(width);
  }

  override forward(x: Tensor): Tensor {
    return leakyRelu(super.forward(x), this.slope);
  }
}

/** LayerNorm without bias and a leaky ReLU behind it. */
class LeakyLayerNorm extends LayerNorm {
  constructor(
    width: number,
    readonly slope: number,
  ) {
    super(width, { bias: false });
  }

  override forward(x: Tensor): Tensor {
    return leakyRelu(super.forward(x), this.slope);
  }
}

/** The kind of norm of a model, with a learned scale. */
export const newNorm = ({ norm }: OlmaxConfig, width: number): Norm => {
  if (norm === 'rootSum') return new RootSumNorm(width);
  return norm === 'rms' ? new RMSNorm(width) : new LayerNorm(width, { bias: false });
};

/** The same with the model's leaky ReLU behind it. */
export const newActivatedNorm = ({ norm, leakySlope: slope }: OlmaxConfig, width: number): Norm => {
  if (norm === 'rootSum') return new RootSumNorm(width, { slope });
  return norm === 'rms' ? new LeakyRMSNorm(width, slope) : new LeakyLayerNorm(width, slope);
};
