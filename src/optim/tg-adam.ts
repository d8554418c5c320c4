import {
  add,
  cast,
  type DType,
  div,
  maximum,
  mul,
  scope,
  sqrt,
  square,
  sub,
  type Tensor,
  type TensorType,
} from '../tensor/index.js';
import { norm } from './matrices.js';
import { biasCorrection, type Optimizer } from './optimizer.js';
import { decay, rateOf, type TensorRules } from './parameter-rules.js';

/** How gradients become a direction; see {@link tgAdam}. */
export type MomentumKind = 'debiased' | 'ema' | 'heavyball' | 'nesterov';

export interface TgAdamSettings {
  /** Shares of the old averages that stay, of gradients, their squares, and squares of examples: 0.97, 0.997, 0.999. */
  readonly betas?: readonly [first: number, second: number, squares: number];
  readonly momentumKind?: MomentumKind;
  /** Decay per unit of learning rate, 0.01 unless told. */
  readonly weightDecay?: number;
  /** What the averages are stored as, f32 unless told. */
  readonly storedAs?: DType;
}

/** No divisor is below it. */
const epsilon = 1e-16;

/**
 * TG-Adam, "true gradient" Adam with grafting, after the public Olmax project. With gradient g and the mean of the squared
 * gradients of single examples s (see `withSquaredGradients`) of the parameter p:
 *
 *     m = average of g, v of g^2, u of s       average: a = beta a + (1 - beta) x, over 1 - beta^t
 *     adam = m / max(sqrt(v), 1e-16)           tg = m / max(sqrt(u), 1e-16)
 *     p = p (1 - lr decay) - lr tg |adam| / max(|tg|, 1e-16)
 *
 * so the direction is that of `tg`, the length that of Adam's step (Agarwal et al. 2020). `momentumKind` says what m is:
 * `debiased` as above, `ema` the average as it is, and then v and u, too (which is what that project computes),
 * `heavyball` b = beta b + g, `nesterov` g + beta b.
 *
 * It computes in float64. It keeps `first`, a or b of g, `second`, of g^2, and `squares`, of s.
 */
export const tgAdam = (settings: TgAdamSettings = {}, rules: TensorRules = {}): Optimizer => {
  const { betas = [0.97, 0.997, 0.999], momentumKind = 'debiased', weightDecay = 0.01, storedAs = 'f32' } = settings;
  const [beta1, beta2, beta3] = betas;
  const isBiased = momentumKind === 'ema';
  return {
    takesSquares: true,
    keeps: (_, { shape }): Record<string, TensorType> => {
      const type = { shape, dtype: storedAs };
      return { first: type, second: type, squares: type };
    },
    update: (tensors, { learningRate, step }) => {
      const [correction1, correction2, correction3] = betas.map((beta) => biasCorrection(beta, step, 'f64'));
      return tensors.map(({ path, parameter, gradient, squares, kept }) =>
        scope(path, () => {
          const [g, p, s] = [wide(gradient), wide(parameter), wide(squares!)];
          const average = (old: Tensor, beta: number, now: Tensor): Tensor =>
            add(mul(wide(old), beta), mul(now, 1 - beta));
          const unbiased = (x: Tensor, correction: Tensor): Tensor => (isBiased ? x : div(x, correction));
          const isSum = momentumKind === 'heavyball' || momentumKind === 'nesterov';
          const first = isSum ? add(mul(wide(kept.first!), beta1), g) : average(kept.first!, beta1, g);
          const second = average(kept.second!, beta2, square(g));
          const third = average(kept.squares!, beta3, s);

          const ahead = momentumKind === 'nesterov' ? add(g, mul(first, beta1)) : first;
          const m = isSum ? ahead : unbiased(first, correction1!);
          const over = (moment: Tensor): Tensor => div(m, maximum(sqrt(moment), epsilon));
          const adam = over(unbiased(second, correction2!));
          const direction = over(unbiased(third, correction3!));
          const length = div(norm(adam), maximum(norm(direction), epsilon));
          const rate = rateOf(path, wide(learningRate), rules);
          const decayed = decay(path, p, { rate, weightDecay, rules });
          return {
            path,
            parameter: cast(sub(decayed, mul(direction, mul(length, rate))), parameter.dtype),
            kept: {
              first: cast(first, storedAs),
              second: cast(second, storedAs),
              squares: cast(third, storedAs),
            },
          };
        }),
      );
    },
  };
};

const wide = (x: Tensor): Tensor => cast(x, 'f64');
