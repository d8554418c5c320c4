import { NonetError } from '../core/errors.js';
import { Graph, Tensor, withContext } from '../tensor/graph.js';
import { input } from '../tensor/index.js';
import { type Tree, treeLeaves, treeMap } from '../tensor/tree.js';
import { describeType, sameShape, type TensorType } from '../tensor/types.js';
import type { Program, ProgramInput, ProgramOutput, StateLayout } from './program.js';

/** What an argument is to the trace: a bound state by its layout, or a tree of arrays by their types. */
export type ArgumentSpec =
  | { readonly kind: 'state'; readonly layout: StateLayout }
  | { readonly kind: 'arrays'; readonly tree: Tree<TensorType> };

/** Keys of the result whose tree goes back into the state of an argument. */
export type Donations = Readonly<Record<string, number>>;

export interface Traced {
  readonly program: Program;
  /** The result's form: leaves are indices into `program.outputs`, or null for what went into a state. */
  readonly result: Tree<number | null>;
}

const isTensor = (value: unknown): value is Tensor => value instanceof Tensor;
export const isType = (value: unknown): value is TensorType =>
  typeof value === 'object' && value !== null && 'shape' in value && 'dtype' in value;

/** Runs `f` once over symbolic tensors and records what it computes. */
export const trace = (
  f: (...args: never[]) => unknown,
  specs: readonly ArgumentSpec[],
  donations: Donations,
): Traced => {
  const graph = new Graph();
  return withContext({ graph, scope: '', fence: 0, recomputed: false, block: 0 }, () => {
    const inputs: ProgramInput[] = [];
    const args = specs.map((spec, argument) => {
      const add = (type: TensorType, path: string): Tensor => {
        const kind = spec.kind === 'state' ? 'state' : 'array';
        const tensor = input(type, { path, role: kind });
        inputs.push({ tensor, argument, path, kind });
        return tensor;
      };
      if (spec.kind === 'arrays') return treeMap<TensorType, Tensor>(spec.tree, isType, add);
      return nest([...spec.layout.leaves].map(([path, { type }]) => [path, add(type, path)] as const));
    });
    const result = (f as (...args: unknown[]) => unknown)(...args) as Tree<Tensor>;
    const outputs: ProgramOutput[] = [];
    const form = treeMap<Tensor, number | null>(result, isTensor, (tensor, path) => {
      const [key, ...rest] = path.split('.');
      const argument = donations[key!];
      if (argument === undefined) return outputs.push({ tensor, path }) - 1;
      outputs.push({ tensor, path, donated: donatedLeaf(specs[argument], argument, rest.join('.'), tensor) });
      return null;
    });
    if (treeLeaves<Tensor>(result, isTensor).length === 0) {
      throw new NonetError('E_TRACE', 'a compiled function must return tensors, alone or in a tree');
    }
    return { program: { graph, inputs, outputs }, result: form };
  });
};

const donatedLeaf = (spec: ArgumentSpec | undefined, argument: number, path: string, tensor: Tensor) => {
  if (spec?.kind !== 'state') throw new NonetError('E_TRACE', `argument ${argument} is donated but is no state`);
  const leaf = spec.layout.leaves.get(path);
  if (!leaf) throw new NonetError('E_TRACE', `the donated state has no leaf ${path}`);
  if (leaf.type.dtype !== tensor.dtype || !sameShape(leaf.type.shape, tensor.shape)) {
    throw new NonetError(
      'E_SHAPE',
      `state leaf ${path} is ${describeType(leaf.type)}; the result is ${describeType(tensor)}`,
    );
  }
  return { argument, path };
};

/** Paths back into nested records. */
export const nest = <V>(leaves: readonly (readonly [string, V])[]): Tree<V> => {
  const root: Record<string, unknown> = {};
  for (const [path, value] of leaves) {
    if (path === '') return value as Tree<V>;
    const keys = path.split('.');
    let at = root;
    for (const key of keys.slice(0, -1)) {
      at[key] ??= {};
      at = at[key] as Record<string, unknown>;
    }
    at[keys.at(-1)!] = value;
  }
  return root as Tree<V>;
};
