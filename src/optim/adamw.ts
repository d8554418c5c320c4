import {
  add,
  cast,
  div,
  mul,
  multiplyAdd,
  neg,
  pow,
  reshape,
  scope,
  sqrt,
  square,
  sub,
  type Tensor,
  type Tree,
  treeLeaves,
  treeMap,
} from '../tensor/index.js';
import { isTensor } from '../transform/index.js';

/** Four trees of one form. The moments start as zeros. */
export interface AdamWTrees {
  readonly parameters: Tree<Tensor>;
  readonly gradients: Tree<Tensor>;
  /** Running mean of the gradients. */
  readonly first: Tree<Tensor>;
  /** Running mean of their squares. */
  readonly second: Tree<Tensor>;
}

export interface AdamWOptions {
  /** f32 scalar. */
  readonly learningRate: Tensor;
  /** Number of this update, the first one being 1: an f32 or i32 scalar. */
  readonly step: Tensor;
  /** Shares of the old means that stay, 0.9 and 0.999 unless told. */
  readonly betas?: readonly [first: number, second: number];
  /** Added to the root of the second moment, 1e-8 unless told. */
  readonly epsilon?: number;
  /** Decay per unit of learning rate, 0.01 unless told. */
  readonly weightDecay?: number;
  /** Which parameters decay, by path; unless told those of two dimensions or more. */
  readonly decayMask?: (path: string) => boolean;
  /** Factor of the learning rate by path, 1 unless told. */
  readonly learningRateScale?: (path: string) => number;
}

export interface AdamWResult {
  readonly parameters: Tree<Tensor>;
  readonly first: Tree<Tensor>;
  readonly second: Tree<Tensor>;
}

/**
 * One update of AdamW (Loshchilov and Hutter 2019), the same formula as PyTorch's. With gradient g, update number t and
 * learning rate lr of the parameter p:
 *
 *     m = beta1 m + (1 - beta1) g            v = beta2 v + (1 - beta2) g^2
 *     p = p (1 - lr decay) - lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + epsilon)
 */
export const adamW = (trees: AdamWTrees, options: AdamWOptions): AdamWResult => {
  const { betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0.01 } = options;
  const [beta1, beta2] = betas;
  const correction1 = biasCorrection(beta1, options.step);
  const inverseRoot2 = div(1, sqrt(biasCorrection(beta2, options.step)));
  const gradients = byPath(trees.gradients);
  const firsts = byPath(trees.first);
  const seconds = byPath(trees.second);

  const update = (path: string, parameter: Tensor) => {
    const gradient = gradients.get(path)!;
    const first = multiplyAdd(gradient, 1 - beta1, mul(firsts.get(path)!, beta1));
    const second = multiplyAdd(square(gradient), 1 - beta2, mul(seconds.get(path)!, beta2));
    const rate = mul(options.learningRate, options.learningRateScale?.(path) ?? 1);
    const decays = weightDecay !== 0 && (options.decayMask?.(path) ?? parameter.shape.length >= 2);
    const decayed = decays ? mul(parameter, sub(1, mul(rate, weightDecay))) : parameter;
    const direction = div(first, add(mul(sqrt(second), inverseRoot2), epsilon));
    return { parameter: multiplyAdd(direction, neg(div(rate, correction1)), decayed), first, second };
  };
  const results = new Map(
    [...byPath(trees.parameters)].map(([path, parameter]) => [path, scope(path, () => update(path, parameter))]),
  );

  const pick = (part: 'parameter' | 'first' | 'second'): Tree<Tensor> =>
    treeMap<Tensor, Tensor>(trees.parameters, isTensor, (_, path) => results.get(path)![part]);
  return { parameters: pick('parameter'), first: pick('first'), second: pick('second') };
};

/** `1 - beta^step` as f32. In f32 the difference would keep only four digits of a beta near 1 in the first steps. */
const biasCorrection = (beta: number, step: Tensor): Tensor =>
  cast(sub(1, pow(beta, cast(reshape(step, []), 'f64'))), 'f32');

const byPath = (tree: Tree<Tensor>): Map<string, Tensor> =>
  new Map(treeLeaves<Tensor>(tree, isTensor).map(({ path, value }) => [path, value]));
