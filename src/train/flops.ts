import { liveNodes } from '../compile/passes/dead-code.js';
import type { Program } from '../compile/program.js';

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
  let flops = 0;
  for (const node of liveNodes(program)) {
    if (node.recomputed || node.scope.startsWith('optimizer') || !counted.has(node.op.name)) continue;
    flops += node.op.cost?.(node.inputs, node.outputs, node.attributes).flops ?? 0;
  }
  return flops;
};
