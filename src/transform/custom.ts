import { NonetError } from '../core/errors.js';
import { type Graph, type Node, type Tensor, traceContext, withContext } from '../tensor/graph.js';
import { alias } from '../tensor/index.js';
import { apply, defineOp } from '../tensor/op.js';
import { isFloat } from '../tensor/types.js';
import { backward } from './backward.js';
import { latest, rebuild } from './rebuilt.js';

/** A function traced inline: its nodes, the aliases that stand for its arguments, and outer float values it captured. */
interface Region {
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

/** What a custom backward pass sees. `outputs` may stand in for `inputs`, which then die after the forward pass. */
export interface BackwardContext {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly cotangents: readonly (Tensor | null)[];
}

type Rule = (context: BackwardContext, captured: readonly Tensor[]) => Cotangents;

const traceRegion = (f: (...inputs: Tensor[]) => readonly Tensor[], inputs: readonly Tensor[]): Region => {
  const { graph } = traceContext();
  const since = graph.nodes.length;
  const parameters = inputs.map((input) => alias(input));
  const outputs = f(...parameters);
  const nodes = graph.nodes.slice(since);
  return { block: traceContext().block, nodes, parameters, captured: capturedBy(nodes, parameters, since), outputs };
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

/**
 * The values of a function with a gradient rule of its own: an identity on the values, with the arguments and captured
 * values lifted to operands, so that cotangents go to them and not through the function's nodes.
 */
const customCall = defineOp({
  name: 'customCall',
  summary: 'Values of a function whose gradient is given by a rule; an identity once differentiated.',
  operands: ['values...', 'inputs...', 'captured...'],
  kind: 'view',
  infer: (inputs, attributes) => inputs.slice(0, attributes.values as number),
  evaluate: (inputs, attributes) => inputs.slice(0, attributes.values as number),
  gradient: (node, cotangents) => {
    const { values, arguments: count, rule } = node.attributes as { values: number; arguments: number; rule: Rule };
    const inputs = node.inputs.slice(values, values + count);
    const captured = node.inputs.slice(values + count);
    const result = rule({ inputs: inputs.map(latest), outputs: node.outputs.map(latest), cotangents }, captured);
    result.rebuilt?.forEach((copy, i) => {
      rebuild(inputs[i]!, copy);
    });
    const none = new Array<null>(values).fill(null);
    return [...none, ...result.inputs, ...captured.map((tensor) => result.captured?.get(tensor) ?? null)];
  },
});

const call = (region: Region, inputs: readonly Tensor[], rule: Rule): readonly Tensor[] =>
  apply(customCall, [...region.outputs, ...inputs, ...region.captured], {
    values: region.outputs.length,
    arguments: inputs.length,
    rule,
  });

/**
 * A function with its own backward pass: `backward` gets inputs, outputs and cotangents, and returns the cotangents of the
 * inputs; those of captured values (parameters) come from `vjp`'s pullback and are returned as `captured`.
 * Reversible layers, straight-through estimators and gradient-only loss terms are written with it.
 */
export const customGradient =
  (
    f: (...inputs: Tensor[]) => readonly Tensor[],
    backwardRule: (context: BackwardContext) => Cotangents | readonly (Tensor | null)[],
  ): ((...inputs: Tensor[]) => readonly Tensor[]) =>
  (...inputs) =>
    call(traceRegion(f, inputs), inputs, (context) => {
      // What the rule computes again must not be merged with the forward pass: its values would be kept for it.
      const again = { fence: traceContext().graph.newFence(), recomputed: true };
      const result = withContext(again, () => backwardRule(context));
      const cotangents: Cotangents = 'inputs' in result ? result : { inputs: result };
      if (cotangents.inputs.length !== inputs.length) {
        const counts = `${cotangents.inputs.length} cotangents for ${inputs.length} inputs`;
        throw new NonetError('E_TRACE', `customGradient: the backward function returned ${counts}`);
      }
      return cotangents;
    });

/** `f(...inputs)` and the function that pulls cotangents of its outputs back to its inputs and captured values. */
export const vjp = (
  f: (...inputs: Tensor[]) => readonly Tensor[],
  ...inputs: Tensor[]
): { outputs: readonly Tensor[]; pullback: (cotangents: readonly (Tensor | null)[]) => Cotangents } => {
  const since = traceContext().graph.nodes.length;
  const region = traceRegion(f, inputs);
  return { outputs: region.outputs, pullback: (cotangents) => pullRegion(region, cotangents, since, region.captured) };
};

const pullRegion = (
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

/**
 * Gradient checkpointing (Chen et al. 2016): the values between the inputs and the outputs of `f` are not kept for the
 * backward pass but computed again there, from the same random numbers. Gradients are the same bit for bit.
 */
export const recompute =
  (f: (...inputs: Tensor[]) => readonly Tensor[]): ((...inputs: Tensor[]) => readonly Tensor[]) =>
  (...inputs) => {
    const region = traceRegion(f, inputs);
    return call(region, inputs, (context, captured) => {
      const { graph } = traceContext();
      const since = graph.nodes.length;
      // The fence keeps the copies from being merged with the forward nodes, which would keep those alive.
      return withContext({ fence: graph.newFence(), recomputed: true }, () => {
        const copy = copyRegion(graph, region, context.inputs, captured);
        return pullRegion(copy, context.cotangents, since, captured);
      });
    });
  };

const copyRegion = (graph: Graph, region: Region, inputs: readonly Tensor[], captured: readonly Tensor[]): Region => {
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
    const { op, scope, extent, attributes } = node;
    const context = { ...traceContext(), scope, block: blockOf(node.block), extent: extent && copied(extent) };
    const own = op.name === 'merge' ? { ...attributes, block: blockOf(attributes.block as number) } : attributes;
    const copy = graph.add(op, node.inputs.map(copied), own, node.outputs, context);
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
