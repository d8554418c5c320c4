import { nest } from '../compile/trace.js';
import { NonetError } from '../core/errors.js';
import {
  constant,
  describeType,
  elementCount,
  mul,
  orthonormal,
  type RandomSource,
  randomNormal,
  reshape,
  type Shape,
  sameShape,
  scope,
  Tensor,
  type TensorType,
  type Tree,
  transpose,
  treeLeaves,
} from '../tensor/index.js';
import { Parameter } from './parameter.js';

/** A layer or model: an object whose fields are parameters, other layers, lists of them, or plain settings. */
export type Module = object;

export interface NamedParameter {
  /** Fields from the module down, joined by dots: `blocks.3.attention.qkv.weight`. */
  readonly path: string;
  readonly parameter: Parameter;
}

/** What of a kind is in a module, in order of fields, not looked into. What several fields share is listed once. */
export const findIn = <T extends object>(
  module: Module,
  isOne: (value: object) => value is T,
): { readonly path: string; readonly value: T }[] => {
  const seen = new Set<object>();
  const found: { path: string; value: T }[] = [];
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (isOne(value)) {
      found.push({ path, value });
      return;
    }
    for (const [field, child] of Object.entries(value)) visit(child, path === '' ? field : `${path}.${field}`);
  };
  visit(module, '');
  return found;
};

/** All parameters in order of their fields. One that several fields share is listed once, under its first path. */
export const parametersOf = (module: Module): NamedParameter[] =>
  findIn(module, (value): value is Parameter => value instanceof Parameter).map(({ path, value }) => ({
    path,
    parameter: value,
  }));

const typesOf = (parameters: readonly NamedParameter[]): Tree<TensorType> =>
  nest(parameters.map(({ path, parameter: { shape, dtype } }) => [path, { shape, dtype }] as const));

/** The types of a module's parameters as a tree of records: what a state for them is made from. */
export const parameterTypes = (module: Module): Tree<TensorType> => typesOf(parametersOf(module));

/** Types of the parameters that are trained, and of those that are frozen (none: undefined). */
export const splitParameterTypes = (
  module: Module,
): { readonly trained: Tree<TensorType>; readonly frozen: Tree<TensorType> | undefined } => {
  const all = parametersOf(module);
  const frozen = all.filter(({ parameter }) => parameter.frozen);
  const trained = typesOf(all.filter(({ parameter }) => !parameter.frozen));
  return { trained, frozen: frozen.length > 0 ? typesOf(frozen) : undefined };
};

/** The parameters of a state: what is trained, and what is not, if anything. */
export interface ParameterState {
  readonly parameters: Tree<Tensor>;
  readonly frozen?: Tree<Tensor>;
}

/** Parameters that a state holds in two trees as the one tree that `bind` takes. */
export const joinParameters = ({ parameters, frozen }: ParameterState): Tree<Tensor> => {
  if (!frozen) return parameters;
  const leaves = [frozen, parameters].flatMap((tree) =>
    treeLeaves(tree, (value): value is Tensor => value instanceof Tensor),
  );
  return nest(leaves.map(({ path, value }) => [path, value] as const));
};

/** How many numbers a module has, frozen ones included. Nothing is allocated. */
export const parameterCount = (module: Module): number => numbersIn(parametersOf(module));

/** How many of them are trained. */
export const trainedParameterCount = (module: Module): number =>
  numbersIn(parametersOf(module).filter(({ parameter }) => !parameter.frozen));

const numbersIn = (parameters: readonly NamedParameter[]): number =>
  parameters.reduce((total, { parameter }) => total + elementCount(parameter.shape), 0);

/**
 * Gives every parameter of `module` the tensor of its path in `tree` while `body` traces, and returns what `body` does.
 * Throws `E_TRACE` for a path that is missing in the tree and `E_SHAPE` for a tensor of another type.
 *
 * @example
 * const lossOf = (state: nn.ParameterState, batch: Tensor) =>
 *   nn.bind(model, nn.joinParameters(state), () => model.loss(batch));
 */
export const bind = <R>(module: Module, tree: Tree<Tensor>, body: () => R): R => {
  const values = parametersOf(module).map(({ path, parameter }) => [parameter, leafOf(tree, path, parameter)] as const);
  const restore = values.map(([parameter, value]) => parameter.assign(value));
  try {
    return body();
  } finally {
    for (const undo of restore) undo();
  }
};

const leafOf = (tree: Tree<Tensor>, path: string, type: TensorType): Tensor => {
  let at: unknown = tree;
  for (const key of path.split('.')) {
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined;
  }
  if (!(at instanceof Tensor)) {
    throw new NonetError('E_TRACE', `bind: the tree has no tensor for parameter ${path}, ${describeType(type)}`, {
      path,
    });
  }
  if (!sameShape(at.shape, type.shape) || at.dtype !== type.dtype) {
    const types = `${describeType(type)}, not ${describeType(at)}`;
    throw new NonetError('E_SHAPE', `bind: parameter ${path} is ${types}; the tree is of another model`, { path });
  }
  return at;
};

/** First values of all parameters that are trained, drawn from `source`: traced, so they are made where the state lives. */
export const initialParameters = (module: Module, source: RandomSource): Tree<Tensor> =>
  nest(
    parametersOf(module)
      .filter(({ parameter }) => !parameter.frozen)
      .map(({ path, parameter }) => [path, scope(path, () => initialValue(parameter, source))] as const),
  );

/** A random orthogonal matrix in that shape: Q of a normal one. */
const orthogonalValue = (shape: Shape, source: RandomSource): Tensor => {
  const columns = shape.at(-1)!;
  const rows = elementCount(shape) / columns;
  const tall = orthonormal(randomNormal(source, [Math.max(rows, columns), Math.min(rows, columns)]));
  return reshape(rows < columns ? transpose(tall, [1, 0]) : tall, shape);
};

const initialValue = ({ shape, dtype, initializer }: Parameter, source: RandomSource): Tensor => {
  switch (initializer.kind) {
    case 'normal':
      return mul(randomNormal(source, shape), initializer.deviation);
    case 'orthogonal':
      return orthogonalValue(shape, source);
    case 'constant':
      return constant(initializer.value, shape, dtype);
    case 'zeros':
      return constant(0, shape, dtype);
    case 'ones':
      return constant(1, shape, dtype);
  }
};
