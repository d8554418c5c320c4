import type { Node, Tensor } from '../../tensor/graph.js';

const viewOps = new Set([
  'alias',
  'stopGradient',
  'customCall',
  'reshape',
  'split',
  'slice',
  'transpose',
  'broadcastTo',
]);

/** Whether a node only looks at its operand in another way: it moves no data unless a reader cannot take the strides. */
export const isView = (node: Node): boolean => viewOps.has(node.op.name);

/** The value that a view looks at. */
export const viewSource = (tensor: Tensor): Tensor =>
  tensor.node.op.name === 'customCall' ? tensor.node.inputs[tensor.index]! : tensor.node.inputs[0]!;

/** The value whose elements, in the same order, a chain of reshapes shows. */
export const sourceOfReshapes = (tensor: Tensor): Tensor => {
  let source = tensor;
  while (source.node.op.name === 'reshape') source = source.node.inputs[0]!;
  return source;
};

/** The value under all views. */
export const sourceOf = (tensor: Tensor): Tensor => {
  let source = tensor;
  while (isView(source.node)) source = viewSource(source);
  return source;
};
