import { add, clamp, div, mul, multiplyAdd, neg, sqrt, square, type Tensor, type TensorType } from '../tensor/index.js';
import { type LionSettings, lionStep } from './lion.js';
import { norm } from './matrices.js';
import type { Optimizer } from './optimizer.js';
import { decay, rateOf, type TensorRules } from './parameter-rules.js';

export interface AdaptiveLionSettings extends LionSettings {
  /** How many times larger or smaller than Lion's the step of a tensor can be, 4 unless told. */
  readonly bound?: number;
}

const scalarType: TensorType = { shape: [], dtype: 'f32' };

/** Far below the norm of any gradient or weight that matters: only keeps zeros from dividing zeros. */
const tiny = 1e-12;

/**
 * Lion with a step of its own for each tensor, of nonet's making. A tensor whose gradient is large for its weights has far
 * to go, one whose gradient is small for them is nearly there. With the norms |g| and |p| of a tensor's gradient and weights:
 *
 *     n = beta2 n + (1 - beta2) |g|                       running norm of the tensor's gradient
 *     r = n / |p|,   R = sqrt(sum n^2) / sqrt(sum |p|^2)  of the tensor, and of all tensors together
 *     s = r / R, within 1 / bound ... bound               bound = 4
 *     p = p (1 - lr decay) - lr s sign(beta1 m + (1 - beta1) g)
 *
 * Only the ratio of two ratios enters. So a loss in other units, a clipped gradient and a wider model change nothing, nor
 * does it matter that n starts at 0, as that of all tensors does; the usual s is about 1, learning rates are those of Lion,
 * and a tensor of zeros, as heads and biases are at first, takes `bound` times the step. Decay is that of Lion. It keeps
 * `momentum`, m, and `gradientNorm`, n.
 */
export const adaptiveLion = (settings: AdaptiveLionSettings = {}, rules: TensorRules = {}): Optimizer => {
  const { betas = [0.9, 0.99], weightDecay = 0, bound = 4 } = settings;
  return {
    keeps: (_, type) => ({ momentum: type, gradientNorm: scalarType }),
    update: (tensors, { learningRate }) => {
      const norms = tensors.map(({ parameter, gradient, kept }) => {
        const running = multiplyAdd(norm(gradient), 1 - betas[1], mul(kept.gradientNorm!, betas[1]));
        return { gradient: running, weight: norm(parameter) };
      });
      const ratio = div(
        rootOfSquares(norms.map(({ gradient }) => gradient)),
        add(rootOfSquares(norms.map(({ weight }) => weight)), tiny),
      );
      return tensors.map(({ path, parameter, gradient, kept }, i) => {
        const { direction, momentum } = lionStep(gradient, kept.momentum!, betas);
        const own = div(norms[i]!.gradient, add(norms[i]!.weight, tiny));
        const scale = clamp(div(own, add(ratio, tiny)), 1 / bound, bound);
        const rate = rateOf(path, learningRate, rules);
        const decayed = decay(path, parameter, { rate, weightDecay, rules });
        const updated = multiplyAdd(direction, neg(mul(rate, scale)), decayed);
        return { path, parameter: updated, kept: { momentum, gradientNorm: norms[i]!.gradient } };
      });
    },
  };
};

const rootOfSquares = (norms: readonly Tensor[]): Tensor =>
  sqrt(norms.map(square).reduce((total, one) => add(total, one)));
