import { liveNodes } from '../compile/passes/dead-code.js';
import type { Program } from '../compile/program.js';
import type { Node } from '../tensor/graph.js';

/** Ops whose arithmetic counts as the model's: products, convolutions and attention. */
const counted = new Set([
  'matmul',
  'groupedMatmul',
  'groupedOuter',
  'convolution',
  'convolutionGradient',
  'attention',
  'attentionGradient',
]);

/** Model FLOPs of one run of a program: a multiply-add is 2, the causal half is counted, recomputation and the optimizer's own products are not. */
export const modelFlops = (program: Program): number => {
  return flopsOf([...liveNodes(program)].filter((node) => !node.recomputed && !node.scope.startsWith('optimizer')));
};

/** FLOPs of every product, convolution and attention that runs, wherever it comes from. */
export const executedFlops = (program: Program): number => flopsOf([...liveNodes(program)]);

const flopsOf = (nodes: readonly Node[]): number =>
  nodes
    .filter(({ op }) => counted.has(op.name))
    .reduce((flops, node) => flops + (node.op.cost?.(node.inputs, node.outputs, node.attributes).flops ?? 0), 0);
