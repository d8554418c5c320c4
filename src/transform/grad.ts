import { NonetError } from '../core/errors.js';
import { Tensor, traceContext } from '../tensor/graph.js';
import { alias, constant } from '../tensor/index.js';
import { type Tree, treeLeaves, treeMap } from '../tensor/tree.js';
import { describeType, isFloat } from '../tensor/types.js';
import { backward } from './backward.js';
import { SquaredChannel, withSquares } from './squares.js';

type TensorTree = Tree<Tensor>;

export const isTensor = (value: unknown): value is Tensor => value instanceof Tensor;

/**
 * `valueAndGrad(f)(x, ...rest)` is `[f(x, ...rest), gradient]`: the gradient of the scalar `f` with respect to every float
 * tensor in the tree `x`, as a tree of the same form. Values that `f` captures are constants to it.
 * With `auxiliary`, `f` returns `[loss, anything]`.
 *
 * Throws `E_SHAPE` when `f` does not return a float scalar.
 */
export function valueAndGrad<X extends TensorTree, R extends readonly unknown[]>(
  f: (x: X, ...rest: R) => Tensor,
): (x: X, ...rest: R) => [Tensor, X];
export function valueAndGrad<X extends TensorTree, R extends readonly unknown[], V>(
  f: (x: X, ...rest: R) => readonly [Tensor, V],
  options: { auxiliary: true },
): (x: X, ...rest: R) => [readonly [Tensor, V], X];
export function valueAndGrad<X extends TensorTree, R extends readonly unknown[]>(
  f: (x: X, ...rest: R) => Tensor | readonly [Tensor, unknown],
): (x: X, ...rest: R) => [unknown, X] {
  return (x, ...rest) => {
    const { result, gradients } = differentiate(f, x, rest, false);
    return [result, gradients];
  };
}

/**
 * `valueAndGrad` that gives a third tree, of estimates of the mean of the squares of the gradients of single examples, for an
 * `f` that is a mean over them: the squared-gradient channel, see `SquaredChannel` for the formula. Examples lie along the
 * first axis of what meets a parameter. Where each has one position the estimate is exact.
 */
export function withSquaredGradients<X extends TensorTree, R extends readonly unknown[]>(
  f: (x: X, ...rest: R) => Tensor,
): (x: X, ...rest: R) => [value: Tensor, gradients: X, squares: X];
export function withSquaredGradients<X extends TensorTree, R extends readonly unknown[], V>(
  f: (x: X, ...rest: R) => readonly [Tensor, V],
  options: { auxiliary: true },
): (x: X, ...rest: R) => [value: readonly [Tensor, V], gradients: X, squares: X];
export function withSquaredGradients<X extends TensorTree, R extends readonly unknown[]>(
  f: (x: X, ...rest: R) => Tensor | readonly [Tensor, unknown],
): (x: X, ...rest: R) => [unknown, X, X] {
  return (x, ...rest) => {
    const { result, gradients, squares } = differentiate(f, x, rest, true);
    return [result, gradients, squares!];
  };
}

const differentiate = <X extends TensorTree, R extends readonly unknown[]>(
  f: (x: X, ...rest: R) => Tensor | readonly [Tensor, unknown],
  x: X,
  rest: R,
  squared: boolean,
): { result: unknown; gradients: X; squares?: X } => {
  const since = traceContext().graph.nodes.length;
  // Aliases make the arguments distinct from captured uses of the same tensors.
  const arguments_ = treeMap<Tensor, Tensor>(x, isTensor, (leaf) => (isFloat(leaf.dtype) ? alias(leaf) : leaf));
  const result = f(arguments_ as X, ...rest);
  const loss = isTensor(result) ? result : result[0];
  if (loss.shape.length !== 0 || !isFloat(loss.dtype)) {
    throw new NonetError('E_SHAPE', `grad needs a function that returns a float scalar; got ${describeType(loss)}`);
  }
  const leaves = treeLeaves<Tensor>(arguments_, isTensor).map((leaf) => leaf.value);
  const channel = squared ? new SquaredChannel(leaves) : undefined;
  const gradients = withSquares(channel, () => backward([loss], [constant(1, [], loss.dtype)], leaves, since));
  const byLeaf = new Map(leaves.map((leaf, i) => [leaf, gradients[i]]));
  const treeOf = (part: (gradient: Tensor) => Tensor): X =>
    treeMap<Tensor, Tensor>(arguments_, isTensor, (leaf) => {
      const gradient = byLeaf.get(leaf);
      return gradient ? part(gradient) : constant(0, leaf.shape, leaf.dtype);
    }) as X;
  return {
    result,
    gradients: treeOf((gradient) => gradient),
    ...(channel && { squares: treeOf((gradient) => channel.of(gradient)) }),
  };
};

/** The gradient alone; see `valueAndGrad`. */
export const grad =
  <X extends TensorTree, R extends readonly unknown[]>(f: (x: X, ...rest: R) => Tensor): ((x: X, ...rest: R) => X) =>
  (x, ...rest) =>
    valueAndGrad(f)(x, ...rest)[1];
