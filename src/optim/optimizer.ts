import { nest } from '../compile/trace.js';
import { NonetError } from '../core/errors.js';
import {
  cast,
  type DType,
  pow,
  reshape,
  sub,
  type Tensor,
  type TensorType,
  type Tree,
  treeLeaves,
  treeMap,
} from '../tensor/index.js';
import { isTensor } from '../transform/index.js';

/** What all parameters share in one update. */
export interface UpdateInputs {
  /** f32 scalar. */
  readonly learningRate: Tensor;
  /** Number of this update, the first one being 1: an f32 or i32 scalar. */
  readonly step: Tensor;
}

/** A parameter with its gradient and what the optimizer keeps about it, by the name of each kept value. */
export interface TensorToUpdate {
  readonly path: string;
  readonly parameter: Tensor;
  readonly gradient: Tensor;
  /** Mean of the squared gradients of single examples; for optimizers that take it. */
  readonly squares?: Tensor;
  readonly kept: Readonly<Record<string, Tensor>>;
}

export type UpdatedTensor = Omit<TensorToUpdate, 'gradient' | 'squares'>;

/**
 * An optimizer as two pure functions: what it keeps, and how it updates. Both see all parameters at once, since a step may
 * depend on more than its own tensor. What is kept starts as zeros.
 */
export interface Optimizer {
  /** Whether it needs the squares that `withSquaredGradients` gives. */
  readonly takesSquares?: boolean;
  /** Types of what is kept about a parameter, by name; the names may depend on the parameter. */
  readonly keeps: (path: string, type: TensorType) => Readonly<Record<string, TensorType>>;
  /** One result for each tensor, in any order. */
  readonly update: (tensors: readonly TensorToUpdate[], inputs: UpdateInputs) => readonly UpdatedTensor[];
}

/** For each name of a kept value a tree with the paths of those parameters about which it is kept. */
export type OptimizerState<L> = { readonly [name: string]: Tree<L> };

/** Trees of one form, but for the state; see {@link optimizerStateTypes}. */
export interface OptimizerTrees {
  readonly parameters: Tree<Tensor>;
  readonly gradients: Tree<Tensor>;
  /** See `withSquaredGradients`; of an optimizer that takes them. */
  readonly squares?: Tree<Tensor>;
  readonly state: OptimizerState<Tensor>;
}

/** The form of an optimizer's state for parameters of those types: `first.blocks.0.attention.qkv.weight`, ... */
export const optimizerStateTypes = (optimizer: Optimizer, parameters: Tree<TensorType>): OptimizerState<TensorType> => {
  const trees = new Map<string, [path: string, type: TensorType][]>();
  for (const { path, value } of treeLeaves<TensorType>(parameters, isType)) {
    const { shape, dtype } = value;
    for (const [name, type] of Object.entries(optimizer.keeps(path, { shape, dtype }))) {
      trees.set(name, [...(trees.get(name) ?? []), [path, type]]);
    }
  }
  return Object.fromEntries([...trees].map(([name, leaves]) => [name, nest(leaves)]));
};

/**
 * One update of all parameters. Throws `E_TRACE` where the optimizer takes squares and there are none.
 *
 * @example
 * const optimizer = optimizerOf({ kind: 'lion', weightDecay: 0.1 }, parameterRules(model));
 * const next = updateParameters(optimizer, { parameters, gradients, state }, { learningRate, step });
 */
export const updateParameters = (
  optimizer: Optimizer,
  trees: OptimizerTrees,
  inputs: UpdateInputs,
): { parameters: Tree<Tensor>; state: OptimizerState<Tensor> } => {
  if (optimizer.takesSquares && !trees.squares) {
    const advice = 'differentiate with withSquaredGradients and pass its third result as `squares`';
    throw new NonetError('E_TRACE', `the optimizer needs the squared gradients of examples: ${advice}`);
  }
  const gradients = byPath(trees.gradients);
  const squares = trees.squares && byPath(trees.squares);
  const kept = Object.entries(trees.state).map(([name, tree]) => [name, byPath(tree)] as const);
  const tensors = treeLeaves<Tensor>(trees.parameters, isTensor).map(({ path, value }) => ({
    path,
    parameter: value,
    gradient: gradients.get(path)!,
    ...(squares && { squares: squares.get(path)! }),
    kept: Object.fromEntries(kept.flatMap(([name, all]) => (all.has(path) ? [[name, all.get(path)!] as const] : []))),
  }));
  const updated = new Map(optimizer.update(tensors, inputs).map((tensor) => [tensor.path, tensor]));
  const pick = (tree: Tree<Tensor>, part: (tensor: UpdatedTensor) => Tensor): Tree<Tensor> =>
    treeMap<Tensor, Tensor>(tree, isTensor, (_, path) => part(updated.get(path)!));
  const state = Object.entries(trees.state).map(
    ([name, tree]) => [name, pick(tree, ({ kept }) => kept[name]!)] as const,
  );
  return { parameters: pick(trees.parameters, ({ parameter }) => parameter), state: Object.fromEntries(state) };
};

/**
 * `1 - beta^step`, computed in f64: in f32 the difference would keep only four digits of a beta near 1 in the first steps.
 */
export const biasCorrection = (beta: number, step: Tensor, dtype: DType = 'f32'): Tensor =>
  cast(sub(1, pow(beta, cast(reshape(step, []), 'f64'))), dtype);

const byPath = (tree: Tree<Tensor>): Map<string, Tensor> =>
  new Map(treeLeaves<Tensor>(tree, isTensor).map(({ path, value }) => [path, value]));

const isType = (value: unknown): value is TensorType =>
  typeof value === 'object' && value !== null && 'shape' in value && 'dtype' in value;
