import type { Tensor } from '../graph.js';
import { rowMajorStrides } from '../types.js';
import {
  countedAxis,
  gradientRule,
  type One,
  primitive,
  reference,
  shapeError,
  single,
  streamingCost,
} from './define.js';
import { insertAt, shifted } from './example-axes.js';
import { readStrided } from './strided.js';

type Attributes = { readonly permutation: readonly number[] };

export const transposeOp = primitive<Attributes>({
  name: 'transpose',
  summary: 'The axes in another order: axis i of the result is axis `permutation[i]` of the operand.',
  operands: ['x'],
  attributeNames: ['permutation'],
  kind: 'move',
  linearIn: 0,
  infer: (inputs, { permutation }, fail) => {
    const [x] = inputs as One<(typeof inputs)[number]>;
    const complete = x.shape.every((_, axis) => permutation.includes(axis));
    if (!complete || permutation.length !== x.shape.length) {
      fail(`[${permutation.join(', ')}] must name each of the ${x.shape.length} axes once`);
    }
    return [{ shape: permutation.map((axis) => x.shape[axis]!), dtype: x.dtype }];
  },
  gradient: gradientRule<Attributes>((dy, { attributes: { permutation } }) => [
    transpose(
      dy,
      permutation.map((_, axis) => permutation.indexOf(axis)),
    ),
  ]),
  evaluate: ([x], { permutation }, [output]) => {
    const strides = rowMajorStrides(x!.shape);
    return [
      reference(
        output!,
        readStrided(
          x!.data,
          output!.shape,
          permutation.map((axis) => strides[axis]!),
        ),
      ),
    ];
  },
  // The examples stay at their place, and the other axes change theirs around it.
  batch: ([x], { permutation }) => {
    const order = permutation.map((axis) => shifted(axis, x!.axis!));
    return [{ tensor: transpose(x!.tensor, insertAt(order, x!.axis!, x!.axis!)), axis: x!.axis }];
  },
  cost: (inputs, outputs) => streamingCost(inputs, outputs),
});

/** Reorders the axes; without a permutation the last two change places. */
export const transpose = (x: Tensor, permutation?: readonly number[]): Tensor => {
  const rank = x.shape.length;
  if (!permutation && rank < 2) throw shapeError('transpose', [x], 'needs two axes to exchange');
  const axes = x.shape.map((_, axis) => axis);
  const order = permutation?.map((axis) => countedAxis(axis, rank)) ?? [...axes.slice(0, -2), rank - 1, rank - 2];
  const same = order.length === rank && order.every((axis, i) => axis === i);
  return same ? x : single(transposeOp, [x], { permutation: order });
};
