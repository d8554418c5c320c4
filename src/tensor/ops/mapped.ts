/** What batching rules are made of: how the axis of the examples comes to where an op can take it. */

import type { Tensor } from '../graph.js';
import { apply, type Examples, type Mapped } from '../op.js';
import type { Primitive } from './define.js';
import { exampleShape, insertAt } from './example-axes.js';
import { reshape } from './reshape.js';
import { broadcastTo } from './sum.js';
import { transpose } from './transpose.js';

/** With the examples along a certain axis: moved there, or repeated where all share the operand. Both are only strides. */
export const atAxis = ({ tensor, axis }: Mapped, to: number, { size }: Examples): Tensor => {
  const { shape } = tensor;
  if (axis === null) return broadcastTo(reshape(tensor, insertAt(shape, to, 1)), insertAt(shape, to, size));
  const others = shape.flatMap((_, i) => (i === axis ? [] : [i]));
  return transpose(tensor, insertAt(others, to, axis));
};

/** The same, of an operand that may stay shared. */
export const mappedAt = (mapped: Mapped, to: number, examples: Examples): Mapped =>
  mapped.axis === null ? mapped : { tensor: atAxis(mapped, to, examples), axis: to };

/**
 * Operands of an elementwise op, so that broadcasting, which counts axes from the last one, still meets the right ones.
 * The examples stay where the operand with the most axes has them.
 */
export const aligned = (inputs: readonly Mapped[], examples: Examples): { tensors: Tensor[]; axis: number } => {
  const ranks = inputs.map((input) => exampleShape(input).length);
  const rank = Math.max(...ranks);
  const widest = Math.max(...ranks.filter((_, i) => inputs[i]!.axis !== null));
  const leading = inputs.findIndex(({ axis }, i) => axis !== null && ranks[i] === widest);
  const behind = widest - inputs[leading]!.axis!; // axes of one example behind that of the examples
  const tensors = inputs.map((input, i) => {
    const own = ranks[i]!;
    if (input.axis === null) {
      const { tensor } = input;
      return own <= behind ? tensor : reshape(tensor, insertAt(tensor.shape, own - behind, 1));
    }
    const tensor = atAxis(input, Math.max(0, own - behind), examples);
    return own >= behind
      ? tensor
      : reshape(tensor, insertAt(tensor.shape, 1, ...new Array<number>(behind - own).fill(1)));
  });
  return { tensors, axis: rank - behind };
};

/** The rule of ops that go by broadcasting. */
export const batchAligned = (
  op: Primitive<never>,
  inputs: readonly Mapped[],
  attributes: object,
  examples: Examples,
): Mapped[] => {
  const { tensors, axis } = aligned(inputs, examples);
  return apply(op, tensors, attributes as never).map((tensor) => ({ tensor, axis }));
};

/** The examples merged into one of their axes, in front of its own index or, with `inner`, behind it. */
export const foldInto = (mapped: Mapped, axis: number, examples: Examples, inner = false): Tensor => {
  const one = exampleShape(mapped);
  const whole = atAxis(mapped, inner ? axis + 1 : axis, examples);
  return reshape(whole, [...one.slice(0, axis), one[axis]! * examples.size, ...one.slice(axis + 1)]);
};

/** The reverse of `foldInto`. */
export const unfold = (tensor: Tensor, axis: number, { size }: Examples, inner = false): Mapped => {
  const { shape } = tensor;
  const own = shape[axis]! / size;
  const parts = inner ? [own, size] : [size, own];
  return {
    tensor: reshape(tensor, [...shape.slice(0, axis), ...parts, ...shape.slice(axis + 1)]),
    axis: inner ? axis + 1 : axis,
  };
};
