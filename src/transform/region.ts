import { NonetError } from '../core/errors.js';
import { type Graph, type Node, Tensor, traceContext, withContext } from '../tensor/graph.js';
import { alias } from '../tensor/index.js';
import { isFloat } from '../tensor/types.js';
import { backward } from './backward.js';

/** A function traced inline: its nodes, the aliases that stand for its arguments, and outer float values it captured. */
export interface Region {
  /** The conditional block that it was traced in. */
  readonly block: number;
  readonly nodes: readonly Node[];
  readonly parameters: readonly Tensor[];
  readonly captured: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** Cotangents of the explicit inputs, and of captured values (parameters of layers, mostly). */
export interface Cotangents {
  readonly inputs: readonly (Tensor | null)[];
  readonly captured?: ReadonlyMap<Tensor, Tensor>;
  /**
   * The inputs as the rule computed them from the outputs. Whatever came before goes by these in its own backward pass,
   * so that the forward values die early: the memory of a chain of reversible layers does not grow with its length.
   */
  readonly rebuilt?: readonly Tensor[];
}

/** `what` is the transformation that `f` is given to. Throws `E_TRACE` where `f` gives no list of tensors. */
export const traceRegion = (
  what: string,
  f: (...inputs: Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
): Region => {
  const { graph } = traceContext();
  const since = graph.nodes.length;
  const parameters = inputs.map((input) => alias(input));
  const outputs = listOf(`${what}: the function`, f(...parameters), (value) => value instanceof Tensor);
  const nodes = graph.nodes.slice(since);
  return { block: traceContext().block, nodes, parameters, captured: capturedBy(nodes, parameters, since), outputs };
};

/** What a function returned, where it is a list of what it should be; `E_TRACE` that names the function elsewhere. */
export const listOf = <Item>(who: string, returned: unknown, isItem: (value: unknown) => value is Item): Item[] => {
  if (Array.isArray(returned) && returned.every(isItem)) return returned;
  const found =
    returned instanceof Tensor ? 'a tensor alone' : Array.isArray(returned) ? 'another list' : typeof returned;
  throw new NonetError('E_TRACE', `${who} returned ${found}, expected a list of tensors, as in (x) => [ops.square(x)]`);
};

const capturedBy = (nodes: readonly Node[], parameters: readonly Tensor[], since: number): Tensor[] => {
  const own = new Set(parameters.map((parameter) => parameter.node));
  const captured = new Set<Tensor>();
  for (const node of nodes) {
    if (own.has(node)) continue;
    for (const input of node.inputs) {
      if (input.node.id < since && isFloat(input.dtype) && input.node.op.kind !== 'constant') captured.add(input);
    }
  }
  return [...captured];
};

/** Pulls cotangents of a region's outputs back to its parameters and, under `capturedKeys`, to what it captured. */
export const pullRegion = (
  region: Region,
  cotangents: readonly (Tensor | null)[],
  since: number,
  capturedKeys: readonly Tensor[],
): Cotangents => {
  const targets = [...region.parameters, ...region.captured];
  const results = withContext({ recomputed: false }, () => backward(region.outputs, cotangents, targets, since));
  const captured = new Map<Tensor, Tensor>();
  capturedKeys.forEach((tensor, i) => {
    const cotangent = results[region.parameters.length + i];
    if (cotangent) captured.set(tensor, cotangent);
  });
  return { inputs: results.slice(0, region.parameters.length), captured };
};

/** The nodes of a region once more, with other values in the places of its parameters and of what it captured. */
export const copyRegion = (
  graph: Graph,
  region: Region,
  inputs: readonly Tensor[],
  captured: readonly Tensor[],
): Region => {
  const copies = new Map<Tensor, Tensor>();
  const parameters = inputs.map((input) => alias(input));
  const capturedCopies = captured.map((tensor) => alias(tensor));
  region.parameters.forEach((parameter, i) => copies.set(parameter, parameters[i]!));
  region.captured.forEach((tensor, i) => copies.set(tensor, capturedCopies[i]!));
  const replaced = new Set(region.parameters.map((parameter) => parameter.node));
  const copied = (tensor: Tensor): Tensor => copies.get(tensor) ?? tensor;
  const blockOf = blockCopies(graph, region.block);
  for (const node of region.nodes) {
    if (replaced.has(node)) continue;
    const { op, scope, extent, attributes, pattern } = node;
    const context = { ...traceContext(), scope, block: blockOf(node.block), extent: extent && copied(extent), pattern };
    const own = op.name === 'merge' ? { ...attributes, block: blockOf(attributes.block as number) } : attributes;
    const copy = graph.add(op, node.inputs.map(copied), own, node.outputs, context);
    if (graph.patternGuards.has(node)) graph.patternGuards.add(copy);
    node.outputs.forEach((output, i) => copies.set(output, copy.outputs[i]!));
  }
  return {
    block: traceContext().block,
    nodes: [],
    parameters,
    captured: capturedCopies,
    outputs: region.outputs.map(copied),
  };
};

/** Blocks for the copies: where the region itself was is where the trace stands, and each inner one gets a copy. */
const blockCopies = (graph: Graph, from: number): ((block: number) => number) => {
  const known = new Map([[from, traceContext().block]]);
  const blockOf = (block: number): number => {
    const before = known.get(block);
    if (before !== undefined) return before;
    const copy = graph.openBlock(blockOf(graph.blockParents[block]!));
    known.set(block, copy);
    return copy;
  };
  return blockOf;
};
