import { NonetError } from '../core/errors.js';
import { type Node, type Tensor, traceContext, withContext } from '../tensor/graph.js';
import { iota, less, mul, reshape, select } from '../tensor/index.js';
import { describeType, isFloat } from '../tensor/types.js';
import { latest, type Rebuilt, withRebuilt } from './rebuilt.js';
import {
  amongSquares,
  examplesOf,
  inArithmetic,
  isLinearIn,
  type SquaredChannel,
  squaredChannel,
  squaredNode,
  squareOf,
  sumOf,
} from './squares.js';

/**
 * Reverse-mode differentiation over the nodes traced since `since`: cotangents of `outputs` to cotangents of `targets`
 * (null where an output does not depend on a target). Gradients are ordinary graph ops, so they nest. Those of parameters
 * have squares with them where the pass carries these (see `SquaredChannel`).
 */
export const backward = (
  outputs: readonly Tensor[],
  cotangents: readonly (Tensor | null)[],
  targets: readonly Tensor[],
  since: number,
): (Tensor | null)[] => {
  const { graph } = traceContext();
  const end = graph.nodes.length;
  const active = activeNodes(graph.nodes, targets, since, end);
  const flowing = new Map<Tensor, Tensor>();
  const rebuilt: Rebuilt = new Map();
  const channel = squaredChannel();
  const squares = new Map<Tensor, Tensor>();
  const addTo = (flow: Map<Tensor, Tensor>, tensor: Tensor, term: Tensor): void => {
    const before = flow.get(tensor);
    flow.set(tensor, before ? sumOf(before, term) : term);
  };
  const accumulate = (tensor: Tensor, cotangent: Tensor, square: (channel: SquaredChannel) => Tensor): void => {
    addTo(flowing, tensor, cotangent);
    if (channel?.isParameter(tensor, graph.nodes)) addTo(squares, tensor, square(channel));
  };
  outputs.forEach((output, i) => {
    const cotangent = cotangents[i];
    if (cotangent) accumulate(output, cotangent, () => channel!.of(cotangent));
  });

  for (let id = end - 1; id >= since; id--) {
    const node = graph.nodes[id]!;
    if (!active.has(node)) continue;
    const own = node.outputs.map((output) => flowing.get(output) ?? null);
    if (own.every((cotangent) => cotangent === null)) continue;
    withContext({ scope: node.scope, extent: undefined }, () => {
      withRebuilt(rebuilt, () => {
        const results = gradientUnder(node.extent, latestOf(node), own);
        node.inputs.forEach((input, i) => {
          const cotangent = results[i];
          if (!cotangent || !isFloat(input.dtype)) return;
          accumulate(input, cotangent, () => {
            if (node.op.name === 'customCall') return channel!.of(cotangent);
            if (!isLinearIn(node, i)) return squareOf(cotangent);
            // Values made of parameters alone have no examples: what flows to them flows on.
            const isOfParameters = channel!.isParameter(node.outputs[0]!, graph.nodes);
            const flow = isOfParameters ? node.outputs.map((output) => squares.get(output) ?? null) : own;
            const square = amongSquares(() =>
              gradientUnder(node.extent, latestOf(node), flow, (whole, live) =>
                gradientOf(squaredNode(whole, i), isOfParameters ? live : live.map(squared)),
              ),
            )[i]!;
            return isOfParameters ? square : inArithmetic(square, (x) => mul(x, examplesOf(node, i)));
          });
        });
      });
    });
  }
  return targets.map((target) => {
    const cotangent = flowing.get(target) ?? null;
    const square = squares.get(target);
    return cotangent && square ? channel!.attach(cotangent, square) : cotangent;
  });
};

const squared = (cotangent: Tensor | null): Tensor | null => cotangent && squareOf(cotangent);

/** Nodes through which a target reaches something; the others need no gradient. */
const activeNodes = (nodes: readonly Node[], targets: readonly Tensor[], since: number, end: number): Set<Node> => {
  const reached = new Set<Tensor>(targets);
  const active = new Set<Node>();
  for (let id = since; id < end; id++) {
    const node = nodes[id]!;
    if (!node.inputs.some((input) => reached.has(input))) continue;
    active.add(node);
    for (const output of node.outputs) if (isFloat(output.dtype)) reached.add(output);
  }
  return active;
};

/** The node with rebuilt operands and results; custom calls, which find captured values by identity, look for themselves. */
const latestOf = (node: Node): Node =>
  node.op.name === 'customCall'
    ? node
    : { ...node, inputs: node.inputs.map(latest), outputs: node.outputs.map(latest) };

/**
 * The gradient of a node whose rows beyond the extent hold anything. Gradients add up over all rows, so that the dead ones
 * count as ones without a cotangent: every rule, being linear in the cotangents, makes zeros of them.
 */
const gradientUnder = (
  extent: Tensor | undefined,
  node: Node,
  cotangents: readonly (Tensor | null)[],
  rule: typeof gradientOf = gradientOf,
): readonly (Tensor | null)[] => {
  // The nodes inside of a custom call are bounded themselves.
  if (!extent || node.op.name === 'customCall') return rule(node, cotangents);
  const live = (value: Tensor, otherwise: number, like = value): Tensor =>
    isBoundedBy(extent, like) ? liveRows(extent, value, otherwise) : value;
  const ones = (tensor: Tensor): Tensor => live(tensor, 1);
  const whole = { ...node, inputs: node.inputs.map(ones), outputs: node.outputs.map(ones) };
  const flow = cotangents.map((cotangent, i) => cotangent && live(cotangent, 0, node.outputs[i]!));
  return rule(whole, flow);
};

/** Whether a value was computed under the extent. Views compute nothing: they are as whole as what they show. */
const isBoundedBy = (extent: Tensor, { node }: Tensor): boolean => {
  const { op, inputs } = node;
  const isView = op.kind === 'view' || op.name === 'transpose' || op.name === 'broadcastTo';
  return isView ? isBoundedBy(extent, inputs[0]!) : node.extent === extent;
};

/** The rows before the extent, `otherwise` behind it. */
const liveRows = (extent: Tensor, x: Tensor, otherwise: number): Tensor => {
  const [rows, ...rest] = x.shape;
  if (rows === undefined || !isFloat(x.dtype)) return x;
  const live = less(reshape(iota(rows), [rows, ...rest.map(() => 1)]), extent);
  return inArithmetic(x, (values) => select(live, values, otherwise));
};

const gradientOf = (node: Node, cotangents: readonly (Tensor | null)[]): readonly (Tensor | null)[] => {
  if (node.op.gradient) {
    const results = node.op.gradient(node, cotangents);
    results.forEach((result, i) => {
      const input = node.inputs[i];
      if (result && input && !sameType(result, input)) {
        const got = `${describeType(result)} for ${describeType(input)}`;
        throw new NonetError('E_TRACE', `the gradient of ${node.op.name} gave ${got} (operand ${i})`);
      }
    });
    return results;
  }
  if (node.op.decompose) {
    const since = traceContext().graph.nodes.length;
    const outputs = node.op.decompose(node.inputs, node.attributes);
    return backward(outputs, cotangents, node.inputs, since);
  }
  throw new NonetError('E_TRACE', `${node.op.name} has no gradient; use stopGradient() where none should flow`, {
    op: node.op.name,
  });
};

const sameType = (a: Tensor, b: Tensor): boolean =>
  a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((size, i) => size === b.shape[i]);
