import type { Node } from '../../tensor/graph.js';
import type { Program } from '../program.js';

/** Nodes that an output, a guard or a program input needs. */
export const liveNodes = (program: Program): Set<Node> => {
  const live = new Set<Node>();
  const mark = (node: Node): void => {
    const stack = [node];
    for (let next = stack.pop(); next; next = stack.pop()) {
      if (live.has(next)) continue;
      live.add(next);
      for (const input of next.inputs) stack.push(input.node);
      if (next.extent) stack.push(next.extent.node);
    }
  };
  for (const input of program.inputs) mark(input.tensor.node);
  for (const output of program.outputs) mark(output.tensor.node);
  const { nodes, patternGuards } = program.graph;
  for (const node of nodes) if (node.op.name === 'guard' && !patternGuards.has(node)) mark(node);
  return live;
};
