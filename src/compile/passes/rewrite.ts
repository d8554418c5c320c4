import { Graph, type Node, type Tensor } from '../../tensor/graph.js';
import type { Program } from '../program.js';

/**
 * Rebuilds a program node by node. `change` gets a node with its operands already mapped and returns the values that
 * replace its outputs, or undefined to copy the node as it is; `copied` is then told the copy's outputs.
 */
export const rewrite = (
  program: Program,
  keep: (node: Node) => boolean,
  change: (node: Node, operands: readonly Tensor[], extent: Tensor | undefined) => readonly Tensor[] | undefined,
  copied?: (outputs: readonly Tensor[]) => void,
): Program => {
  const graph = new Graph();
  for (const parent of program.graph.blockParents.slice(1)) graph.openBlock(parent);
  const values = new Map<Tensor, Tensor>();
  const mapped = (tensor: Tensor): Tensor => values.get(tensor) ?? tensor;
  for (const node of program.graph.nodes) {
    if (!keep(node)) continue;
    const operands = node.inputs.map(mapped);
    const extent = node.extent && mapped(node.extent);
    let replaced = change(node, operands, extent);
    if (!replaced) {
      const { scope, fence, recomputed, block } = node;
      const context = { graph, scope, fence, recomputed, block, ...(extent && { extent }) };
      replaced = graph.add(node.op, operands, node.attributes, node.outputs, context).outputs;
      copied?.(replaced);
    }
    for (let i = 0; i < node.outputs.length; i++) values.set(node.outputs[i]!, replaced[i]!);
  }
  return {
    graph,
    inputs: program.inputs.map((input) => ({ ...input, tensor: mapped(input.tensor) })),
    outputs: program.outputs.map((output) => ({ ...output, tensor: mapped(output.tensor) })),
  };
};
