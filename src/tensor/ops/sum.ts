import type { Tensor } from '../graph.js';
import { elementCount, isFloat, type Shape, sameShape } from '../types.js';
import { broadcastShapes } from './broadcast.js';
import { gradientRule, primitive, reference, referenceZeros, single, streamingCost } from './define.js';
import { insertAt } from './example-axes.js';
import {
  batchReduction,
  inferReduction,
  type ReduceAttributes,
  type ReduceOptions,
  reduce,
  reducedShape,
  reductionExtents,
} from './reduce.js';
import { reshape } from './reshape.js';
import { expand } from './strided.js';

export const sumOp = primitive<ReduceAttributes>({
  name: 'sum',
  summary: 'Sum over a run of trailing axes or, of floats, leading ones.',
  operands: ['x'],
  attributeNames: ['axes', 'keepDims'],
  kind: 'reduction',
  linearIn: 0,
  infer: ([x], attributes, fail) => [inferReduction(x!, attributes, isFloat(x!.dtype), fail)],
  gradient: gradientRule<ReduceAttributes>((dy, { inputs: [x], attributes: { axes } }) => [
    broadcastTo(reshape(dy, reducedShape(x!.shape, axes, true)), x!.shape),
  ]),
  evaluate: ([x], { axes }, [output]) => {
    const { outer, count, inner } = reductionExtents(x!.shape, axes);
    const out = referenceZeros(output!);
    for (let o = 0; o < outer; o++) {
      for (let k = 0; k < count; k++) {
        const from = (o * count + k) * inner;
        for (let i = 0; i < inner; i++) out.data[o * inner + i]! += x!.data[from + i]!;
      }
    }
    if (out.dtype === 'i32') for (let i = 0; i < out.data.length; i++) out.data[i] = out.data[i]! | 0;
    return [out];
  },
  batch: batchReduction((x, options) => sum(x, options)),
  cost: (inputs, outputs) => streamingCost(inputs, outputs, elementCount(inputs[0]!.shape)),
});

/** Sum over `axes`, all of them unless told. */
export const sum = (x: Tensor, options: ReduceOptions = {}): Tensor =>
  reduce(sumOp, x, options, { leading: isFloat(x.dtype) });

type BroadcastAttributes = { readonly shape: Shape };

export const broadcastToOp = primitive<BroadcastAttributes>({
  name: 'broadcastTo',
  summary: 'The operand repeated along missing axes and axes of size 1.',
  operands: ['x'],
  attributeNames: ['shape'],
  kind: 'elementwise',
  linearIn: 0,
  infer: ([x], { shape }, fail) => {
    const met = broadcastShapes([x!.shape, shape]);
    if (!met || !sameShape(met, shape)) fail(`the operand does not repeat to [${shape.join(', ')}]`);
    return [{ shape, dtype: x!.dtype }];
  },
  gradient: gradientRule<BroadcastAttributes>((dy, { inputs: [x] }) => [sumTo(dy, x!.shape)]),
  evaluate: ([x], { shape }, [output]) => [reference(output!, expand(x!, shape))],
  batch: ([x], { shape }) => {
    const { tensor, axis } = x!;
    const at = axis! + shape.length + 1 - tensor.shape.length; // as far from the last axis as before
    return [{ tensor: broadcastTo(tensor, insertAt(shape, at, tensor.shape[axis!]!)), axis: at }];
  },
  cost: (inputs, outputs) => streamingCost(inputs, outputs),
});

/** Repeats `x` to `shape`. Elementwise ops do it by themselves. */
export const broadcastTo = (x: Tensor, shape: Shape): Tensor =>
  sameShape(x.shape, shape) ? x : single(broadcastToOp, [x], { shape });

/** The transpose of `broadcastTo`: sums `x` over the axes that a broadcast from `shape` repeated. */
export const sumTo = (x: Tensor, shape: Shape): Tensor => {
  const missing = x.shape.length - shape.length;
  const axes = x.shape.flatMap((size, axis) => (axis < missing || size !== shape[axis - missing] ? [axis] : []));
  return axes.length === 0 ? x : reshape(sum(x, { axes }), shape);
};

/** A cotangent brought back to the shape of an operand that was broadcast; nothing for constants and integers. */
export const flowTo = (operand: Tensor, cotangent: () => Tensor): Tensor | null =>
  isFloat(operand.dtype) && operand.node.op.kind !== 'constant' ? sumTo(cotangent(), operand.shape) : null;
