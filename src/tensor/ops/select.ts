import type { Tensor } from '../graph.js';
import { elementCount } from '../types.js';
import {
  gradientRule,
  type NoAttributes,
  type Primitive,
  primitive,
  single,
  streamingCost,
  type Three,
} from './define.js';
import { broadcastOrFail, mapElements, tensors } from './elementwise.js';
import { batchAligned } from './mapped.js';
import { flowTo } from './sum.js';

export const selectOp: Primitive<NoAttributes> = primitive<NoAttributes>({
  name: 'select',
  summary: '`a` where the condition holds, else `b`.',
  operands: ['condition', 'a', 'b'],
  kind: 'elementwise',
  linearIn: [1, 2],
  infer: (inputs, _, fail) => {
    const [condition, a, b] = inputs as Three<(typeof inputs)[number]>;
    if (condition.dtype !== 'bool') fail('the condition must be bool; compare or cast() it');
    if (a.dtype !== b.dtype) fail('both values must have the same dtype; cast() one of them');
    return [{ shape: broadcastOrFail(inputs, fail), dtype: a.dtype }];
  },
  gradient: gradientRule((dy, node) => {
    const [condition, a, b] = node.inputs as Three<Tensor>;
    return [null, flowTo(a, () => select(condition, dy, 0)), flowTo(b, () => select(condition, 0, dy))];
  }),
  evaluate: (inputs, _, [output]) => [mapElements(inputs, output!, (condition, a, b) => (condition ? a : b))],
  batch: (inputs, attributes, examples) => batchAligned(selectOp, inputs, attributes, examples),
  cost: (inputs, outputs) => streamingCost(inputs, outputs, elementCount(outputs[0]!.shape)),
});

/** `a` where `condition` (bool) holds, `b` elsewhere; the three broadcast. What is not selected may be NaN. */
export const select = (condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor =>
  single(selectOp, [condition, ...tensors('select', [a, b])], {});
