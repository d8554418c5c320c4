import { NonetError } from '../core/errors.js';
import { type Graph, type Node, type Tensor, traceContext, withContext } from '../tensor/graph.js';
import type { Examples, Mapped } from '../tensor/op.js';
import { isOver } from '../tensor/ops/collectives.js';
import { exampleAt } from '../tensor/ops/one-example.js';
import { customCall } from './custom.js';
import { mapCustomCall, tensorsOf } from './map-custom-call.js';

/** What a value of the pattern is for all examples. */
export type MappedOf = (tensor: Tensor) => Mapped;

const shared: MappedOf = (tensor) => ({ tensor, axis: null });

export interface Replayed<R> {
  /** What the function returned for one example, made of tensors of the pattern. */
  readonly result: R;
  readonly mappedOf: MappedOf;
}

/**
 * Traces `f` for one example and then does the same for all of them: every node of that pattern that depends on a mapped
 * value is put into the graph once more by its op's batching rule; the others are what they are. The pattern stays behind as
 * dead code. `known` says what else is mapped, besides `operands`, and `outer` what values of an enclosing pattern are.
 */
export const forExamples = <R>(
  f: (...operands: Tensor[]) => R,
  operands: readonly Mapped[],
  examples: Examples,
  {
    leaves,
    known,
    outer = shared,
  }: { leaves: (result: R) => readonly Tensor[]; known?: ReadonlyMap<Tensor, Mapped>; outer?: MappedOf },
): Replayed<R> => {
  const { graph } = traceContext();
  const since = graph.nodes.length;
  const values = new Map(known);
  const one = operands.map((operand) => {
    const tensor = exampleAt(operand, 0);
    if (operand.axis !== null) values.set(tensor, operand);
    return tensor;
  });
  const result = f(...one);
  const nodes = graph.nodes.slice(since);
  const mappedOf = replayer(graph, nodes, since, values, examples, outer);
  const guards = nodes.filter((node) => node.op.name === 'guard' && !graph.patternGuards.has(node));
  for (const node of neededBy([...leaves(result).map(({ node }) => node), ...guards], nodes, since)) {
    for (const output of node.outputs) mappedOf(output);
  }
  for (const node of guards) graph.patternGuards.add(node);
  return { result, mappedOf };
};

/** The nodes of the pattern that lead to the given ones, in the order of the trace. */
const neededBy = (ends: readonly Node[], nodes: readonly Node[], since: number): Node[] => {
  const needed = new Set(ends);
  for (const node of [...nodes].reverse()) {
    if (needed.has(node)) for (const input of node.inputs) needed.add(input.node);
  }
  return nodes.filter((node) => node.id >= since && needed.has(node));
};

const replayer = (
  graph: Graph,
  nodes: readonly Node[],
  since: number,
  values: Map<Tensor, Mapped>,
  examples: Examples,
  outer: MappedOf,
): MappedOf => {
  const end = since + nodes.length;
  const mappedOf: MappedOf = (tensor) => {
    const known = values.get(tensor);
    if (known) return known;
    const { node } = tensor;
    if (node.id < since || node.id >= end) return outer(tensor);
    const outputs = replay(node);
    node.outputs.forEach((output, i) => values.set(output, outputs[i]!));
    return values.get(tensor)!;
  };
  const { blockOf, isSelected } = blocksOf(graph, nodes, mappedOf);

  const replay = (node: Node): readonly Mapped[] => {
    const inputs = node.inputs.map(mappedOf);
    const block = blockOf(node.block);
    const mapped = inputs.map(({ axis }) => axis !== null);
    const isMapped = node.op.draws || isOfDevice(node, examples) || mapped.includes(true);
    const isSame = block === node.block && inputs.every(({ tensor }, i) => tensor === node.inputs[i]);
    const isGuard = node.op.name === 'guard';
    if (isGuard && isSelected(node.block)) {
      throw unsupported(node, 'a guard in the body of an `unless` whose condition differs between examples');
    }
    if (!isMapped && isSame && !isGuard) return node.outputs.map(shared);
    const { scope, fence, recomputed } = node;
    const attributes =
      node.op.name === 'merge'
        ? { ...node.attributes, block: blockOf(node.attributes.block as number) }
        : node.attributes;
    const pattern = { node, mapped };
    return withContext({ scope, fence, recomputed, block, extent: undefined, pattern }, () => {
      if (!isMapped) {
        const context = { ...traceContext(), extent: node.extent && mappedOf(node.extent).tensor };
        const tensors = inputs.map(({ tensor }) => tensor);
        return graph.add(node.op, tensors, attributes, node.outputs, context).outputs.map(shared);
      }
      checkNoExtent(node.extent);
      if (node.op === customCall) {
        return mapCustomCall(node, inputs, examples, (rule, operands, known) =>
          forExamples(rule, operands, examples, { leaves: tensorsOf, known, outer: mappedOf }),
        );
      }
      if (!node.op.batch) throw unsupported(node, `${node.op.name}, which has no batching rule`);
      return node.op.batch(inputs, attributes, examples);
    });
  };
  return mappedOf;
};

/**
 * Conditional blocks of the pattern: each gets a copy, unless its condition differs between examples. Then its nodes belong
 * to what is around it, are computed for all examples, and `merge` selects.
 */
const blocksOf = (graph: Graph, nodes: readonly Node[], mappedOf: MappedOf) => {
  const conditions = new Map(
    nodes.flatMap(({ op, attributes, inputs }) =>
      op.name === 'merge' ? [[attributes.block as number, inputs[0]!] as const] : [],
    ),
  );
  const selected = new Set<number>();
  const copies = new Map<number, number>();
  const blockOf = (block: number): number => {
    const condition = conditions.get(block);
    if (!condition) return block;
    const before = copies.get(block);
    if (before !== undefined) return before;
    const parent = blockOf(graph.blockParents[block]!);
    const isMapped = mappedOf(condition).axis !== null;
    if (isMapped) selected.add(block);
    const copy = isMapped ? parent : graph.openBlock(parent);
    copies.set(block, copy);
    return copy;
  };
  const isSelected = (block: number): boolean =>
    conditions.has(block) && (selected.has(block) || isSelected(graph.blockParents[block]!));
  return { blockOf, isSelected };
};

/** Whether a node of shared operands may still be that of one device: a collective, or a call whose rule may make one. */
const isOfDevice = ({ op, attributes }: Node, examples: Examples): boolean =>
  op.kind === 'collective' ? isOver(attributes, examples) : op === customCall && examples.axis !== undefined;

const unsupported = (node: Node, what: string): NonetError =>
  new NonetError('E_TRACE', `vmap cannot take ${what}${node.scope ? ` (in ${node.scope})` : ''}`, { op: node.op.name });

/** Throws `E_TRACE` for what is traced under an extent. */
export const checkNoExtent = (extent: Tensor | undefined): void => {
  if (!extent) return;
  const message = 'vmap cannot take `withExtent`, neither inside nor around it: it bounds an axis that vmap moves';
  throw new NonetError('E_TRACE', message);
};
