import { NonetError } from '../core/errors.js';
import { type Node, type Tensor, traceContext, withContext } from '../tensor/graph.js';
import { add } from '../tensor/index.js';
import { describeType, isFloat } from '../tensor/types.js';

/**
 * Reverse-mode differentiation over the nodes traced since `since`: cotangents of `outputs` to cotangents of `targets`
 * (null where an output does not depend on a target). Gradients are ordinary graph ops, so they nest.
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
  const accumulate = (tensor: Tensor, cotangent: Tensor): void => {
    const before = flowing.get(tensor);
    flowing.set(tensor, before ? add(before, cotangent) : cotangent);
  };
  outputs.forEach((output, i) => {
    const cotangent = cotangents[i];
    if (cotangent) accumulate(output, cotangent);
  });

  for (let id = end - 1; id >= since; id--) {
    const node = graph.nodes[id]!;
    if (!active.has(node)) continue;
    const own = node.outputs.map((output) => flowing.get(output) ?? null);
    if (own.every((cotangent) => cotangent === null)) continue;
    withContext({ scope: node.scope, ...(node.extent ? { extent: node.extent } : {}) }, () => {
      const results = gradientOf(node, own);
      node.inputs.forEach((input, i) => {
        const cotangent = results[i];
        if (cotangent && isFloat(input.dtype)) accumulate(input, cotangent);
      });
    });
  }
  return targets.map((target) => flowing.get(target) ?? null);
};

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
