import {
  add,
  cast,
  clamp,
  div,
  less,
  maximum,
  minimum,
  mul,
  scope,
  select,
  sqrt,
  square,
  sum,
  type Tensor,
  type TensorType,
  type Tree,
  treeLeaves,
  treeMap,
} from '../tensor/index.js';
import { isTensor } from '../transform/index.js';

/** Root of the sum of all squares in a tree, an f32 scalar: squares add up in f32 per tensor, tensors in f64. */
export const globalNorm = (tree: Tree<Tensor>): Tensor => {
  const squares = treeLeaves<Tensor>(tree, isTensor).map(({ path, value }) =>
    scope(path, () => cast(sum(square(value)), 'f64')),
  );
  return cast(sqrt(squares.reduce((total, one) => add(total, one))), 'f32');
};

export interface Clipped {
  readonly tree: Tree<Tensor>;
  /** Global norm before clipping, an f32 scalar. */
  readonly norm: Tensor;
}

/** A tree that was scaled as a whole. */
export interface Scaled extends Clipped {
  readonly factor: Tensor;
}

/** Scales a tree so that its norm is at most `maxNorm`: by `min(1, maxNorm / (norm + 1e-6))`, as PyTorch does. */
export const clipByGlobalNorm = (tree: Tree<Tensor>, maxNorm: number | Tensor): Scaled => {
  const norm = globalNorm(tree);
  const factor = minimum(div(maxNorm, add(norm, 1e-6)), 1);
  const clipped = treeMap<Tensor, Tensor>(tree, isTensor, (leaf, path) => scope(path, () => mul(leaf, factor)));
  return { tree: clipped, norm, factor };
};

/** Brings every number of a tree into -most ... most. */
export const clipByValue = (tree: Tree<Tensor>, most: number): Clipped => ({
  tree: treeMap<Tensor, Tensor>(tree, isTensor, (leaf, path) => scope(path, () => clamp(leaf, -most, most))),
  norm: globalNorm(tree),
});

/**
 * Adaptive gradient clipping (Brock et al. 2021), a tensor at a time: the norm of a gradient is at most `ratio` times that of
 * its weights,
 *
 *     g = g min(1, ratio max(|w|, 1e-3) / max(|g|, 1e-16))
 *
 * with Frobenius norms in float64. Of the squared-gradient channel the norm is `sqrt(sum(squares))`, and the squares are
 * multiplied by the factor that follows from it, once, as the public Olmax project does.
 */
export const clipByWeightNorm = (
  { gradients, squares }: { readonly gradients: Tree<Tensor>; readonly squares?: Tree<Tensor> },
  parameters: Tree<Tensor>,
  ratio: number,
): Clipped & { squares?: Tree<Tensor> } => {
  const weights = new Map(treeLeaves<Tensor>(parameters, isTensor).map(({ path, value }) => [path, wideNorm(value)]));
  const scaled = (tree: Tree<Tensor>, normOf: (leaf: Tensor) => Tensor): Tree<Tensor> =>
    treeMap<Tensor, Tensor>(tree, isTensor, (leaf, path) =>
      scope(path, () => {
        const bound = mul(maximum(weights.get(path)!, 1e-3), ratio);
        const factor = minimum(div(bound, maximum(normOf(leaf), 1e-16)), 1);
        return cast(mul(cast(leaf, 'f64'), factor), leaf.dtype);
      }),
    );
  return {
    tree: scaled(gradients, wideNorm),
    norm: globalNorm(gradients),
    ...(squares && { squares: scaled(squares, (leaf) => sqrt(sum(cast(leaf, 'f64')))) }),
  };
};

const wideNorm = (x: Tensor): Tensor => sqrt(sum(square(cast(x, 'f64'))));

/** A running mean of gradient norms is `sum / weight`: both fade alike, so it is right from the first norm on. */
export interface RunningNorm<L> {
  readonly sum: L;
  readonly weight: L;
}

/** Zeros at first: the first gradient is not clipped, there is nothing to compare it with. */
export const runningNormTypes: RunningNorm<TensorType> = {
  sum: { shape: [], dtype: 'f32' },
  weight: { shape: [], dtype: 'f32' },
};

export interface RunningNormSettings {
  /** Bound over the running mean. */
  readonly factor: number;
  /** Share of the old mean that stays. */
  readonly beta: number;
}

/**
 * Clips to `factor` times the running mean of the norms before, as they were after clipping:
 *
 *     bound = factor sum / weight
 *     sum = beta sum + (1 - beta) min(norm, bound)            weight = beta weight + (1 - beta)
 *
 * So one wild gradient hardly moves the mean, and gradients that are larger from now on double the bound every few steps.
 */
export const clipByRunningNorm = (
  tree: Tree<Tensor>,
  { sum: total, weight }: RunningNorm<Tensor>,
  { factor, beta }: RunningNormSettings,
): Scaled & { running: RunningNorm<Tensor> } => {
  // No division by zero, not even where its result is not taken: the search for the first NaN would find it.
  const usual = div(total, maximum(weight, Number.EPSILON));
  const bound = select(less(0, weight), mul(usual, factor), largest);
  const clipped = clipByGlobalNorm(tree, bound);
  const mean = (old: Tensor, now: Tensor): Tensor => add(mul(old, beta), mul(now, 1 - beta));
  return {
    ...clipped,
    running: { sum: mean(total, minimum(clipped.norm, bound)), weight: add(mul(weight, beta), 1 - beta) },
  };
};

/** No f32 norm is above it. */
const largest = 3e38;
