import { mul, multiplyAdd, neg, sign, type Tensor } from '../tensor/index.js';
import type { Optimizer } from './optimizer.js';
import { decay, rateOf, type TensorRules } from './parameter-rules.js';

export interface LionSettings {
  /** Shares of the old momentum in the step and in the next momentum, 0.9 and 0.99 unless told. */
  readonly betas?: readonly [step: number, momentum: number];
  /** Decay per unit of learning rate, 0 unless told. */
  readonly weightDecay?: number;
}

/**
 * Lion (Chen et al. 2023). With gradient g and learning rate lr of the parameter p:
 *
 *     p = p (1 - lr decay) - lr sign(beta1 m + (1 - beta1) g)            m = beta2 m + (1 - beta2) g
 *
 * Every weight moves by lr, so lr is to be 3 to 10 times smaller than AdamW's, and the decay as many times larger. It keeps
 * `momentum`, m.
 */
export const lion = (settings: LionSettings = {}, rules: TensorRules = {}): Optimizer => {
  const { betas = [0.9, 0.99], weightDecay = 0 } = settings;
  return {
    keeps: (_, type) => ({ momentum: type }),
    update: (tensors, { learningRate }) =>
      tensors.map(({ path, parameter, gradient, kept }) => {
        const { direction, momentum } = lionStep(gradient, kept.momentum!, betas);
        const rate = rateOf(path, learningRate, rules);
        const decayed = decay(path, parameter, { rate, weightDecay, rules });
        return { path, parameter: multiplyAdd(direction, neg(rate), decayed), kept: { momentum } };
      }),
  };
};

/** Where a tensor moves to, -1, 0 or 1 for each weight, and the next momentum. */
export const lionStep = (
  gradient: Tensor,
  momentum: Tensor,
  [beta1, beta2]: readonly [number, number],
): { direction: Tensor; momentum: Tensor } => ({
  direction: sign(multiplyAdd(gradient, 1 - beta1, mul(momentum, beta1))),
  momentum: multiplyAdd(gradient, 1 - beta2, mul(momentum, beta2)),
});
