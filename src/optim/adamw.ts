import { add, div, mul, multiplyAdd, neg, scope, sqrt, square, type Tensor, type Tree } from '../tensor/index.js';
import { biasCorrection, type Optimizer, type UpdateInputs, updateParameters } from './optimizer.js';
import { decay, rateOf, type TensorRules } from './parameter-rules.js';

/** Four trees of one form. The moments start as zeros. */
export interface AdamWTrees {
  readonly parameters: Tree<Tensor>;
  readonly gradients: Tree<Tensor>;
  /** Running mean of the gradients. */
  readonly first: Tree<Tensor>;
  /** Running mean of their squares. */
  readonly second: Tree<Tensor>;
}

export interface AdamWSettings {
  /** Shares of the old means that stay, 0.9 and 0.999 unless told. */
  readonly betas?: readonly [first: number, second: number];
  /** Added to the root of the second moment, 1e-8 unless told. */
  readonly epsilon?: number;
  /** Decay per unit of learning rate, 0.01 unless told. */
  readonly weightDecay?: number;
}

export type AdamWOptions = UpdateInputs & AdamWSettings & TensorRules;

export interface AdamWResult {
  readonly parameters: Tree<Tensor>;
  readonly first: Tree<Tensor>;
  readonly second: Tree<Tensor>;
}

/**
 * AdamW (Loshchilov and Hutter 2019), the same formula as PyTorch's. With gradient g, update number t and learning rate lr
 * of the parameter p:
 *
 *     m = beta1 m + (1 - beta1) g            v = beta2 v + (1 - beta2) g^2
 *     p = p (1 - lr decay) - lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + epsilon)
 *
 * It keeps `first`, m, and `second`, v.
 */
export const adamWOptimizer = (settings: AdamWSettings = {}, rules: TensorRules = {}): Optimizer => {
  const { betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0.01 } = settings;
  const [beta1, beta2] = betas;
  return {
    keeps: (_, type) => ({ first: type, second: type }),
    update: (tensors, { learningRate, step }) => {
      const correction1 = biasCorrection(beta1, step);
      const inverseRoot2 = div(1, sqrt(biasCorrection(beta2, step)));
      return tensors.map(({ path, parameter, gradient, kept }) =>
        scope(path, () => {
          const first = multiplyAdd(gradient, 1 - beta1, mul(kept.first!, beta1));
          const second = multiplyAdd(square(gradient), 1 - beta2, mul(kept.second!, beta2));
          const rate = rateOf(path, learningRate, rules);
          const decayed = decay(path, parameter, { rate, weightDecay, rules });
          const direction = div(first, add(mul(sqrt(second), inverseRoot2), epsilon));
          const updated = multiplyAdd(direction, neg(div(rate, correction1)), decayed);
          return { path, parameter: updated, kept: { first, second } };
        }),
      );
    },
  };
};

/** One update of {@link adamWOptimizer} without ado: the moments are trees of the form of the parameters. */
export const adamW = (
  { parameters, gradients, first, second }: AdamWTrees,
  { learningRate, step, ...options }: AdamWOptions,
): AdamWResult => {
  const trees = { parameters, gradients, state: { first, second } };
  const next = updateParameters(adamWOptimizer(options, options), trees, { learningRate, step });
  return { parameters: next.parameters, first: next.state.first!, second: next.state.second! };
};
