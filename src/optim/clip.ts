import {
  add,
  cast,
  div,
  minimum,
  mul,
  scope,
  sqrt,
  square,
  sum,
  type Tensor,
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

/**
 * Scales a tree so that its norm is at most `maxNorm`: by `min(1, maxNorm / (norm + 1e-6))`, as PyTorch does. `norm` is
 * that before scaling, an f32 scalar.
 */
export const clipByGlobalNorm = (
  tree: Tree<Tensor>,
  maxNorm: number | Tensor,
): { tree: Tree<Tensor>; norm: Tensor } => {
  const norm = globalNorm(tree);
  const factor = minimum(div(maxNorm, add(norm, 1e-6)), 1);
  const clipped = treeMap<Tensor, Tensor>(tree, isTensor, (leaf, path) => scope(path, () => mul(leaf, factor)));
  return { tree: clipped, norm };
};
