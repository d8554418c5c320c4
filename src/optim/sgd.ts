import { add, mul, multiplyAdd, neg, type Tensor, type TensorType } from '../tensor/index.js';
import type { Optimizer } from './optimizer.js';
import { decay, rateOf, type TensorRules } from './parameter-rules.js';

export interface SgdSettings {
  /** Share of the old momentum that stays, 0 unless told: then nothing is kept. */
  readonly momentum?: number;
  /** Look one step ahead, no unless told. */
  readonly nesterov?: boolean;
  /** Decay per unit of learning rate, 0 unless told. Decoupled, unlike the L2 term of PyTorch's SGD. */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent. With gradient g, momentum mu and learning rate lr of the parameter p:
 *
 *     m = mu m + g            p = p (1 - lr decay) - lr m, with Nesterov's look ahead - lr (g + mu m)
 *
 * It keeps `momentum`, m.
 */
export const sgd = (settings: SgdSettings = {}, rules: TensorRules = {}): Optimizer => {
  const { momentum: mu = 0, nesterov = false, weightDecay = 0 } = settings;
  return {
    keeps: (_, type): Record<string, TensorType> => (mu === 0 ? {} : { momentum: type }),
    update: (tensors, { learningRate }) =>
      tensors.map(({ path, parameter, gradient, kept }) => {
        const momentum = kept.momentum && multiplyAdd(kept.momentum, mu, gradient);
        const rate = rateOf(path, learningRate, rules);
        const decayed = decay(path, parameter, { rate, weightDecay, rules });
        const updated = multiplyAdd(direction(gradient, momentum), neg(rate), decayed);
        const next: Record<string, Tensor> = momentum ? { momentum } : {};
        return { path, parameter: updated, kept: next };
      }),
  };

  function direction(gradient: Tensor, momentum: Tensor | undefined): Tensor {
    if (!momentum) return gradient;
    return nesterov ? add(gradient, mul(momentum, mu)) : momentum;
  }
};
