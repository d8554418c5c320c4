import type { Tensor } from '../graph.js';
import { apply } from '../op.js';
import {
  aroundAxis,
  countedAxis,
  freeCost,
  gradientRule,
  type Primitive,
  primitive,
  reference,
  referenceZeros,
  replaceAt,
  shapeError,
  single,
  streamingCost,
} from './define.js';
import { shifted } from './example-axes.js';
import { constant } from './leaves.js';
import { atAxis } from './mapped.js';
import { expandDims } from './reshape.js';
import { readStrided } from './strided.js';

type ConcatAttributes = { readonly axis: number };

export const concatOp: Primitive<ConcatAttributes> = primitive<ConcatAttributes>({
  name: 'concat',
  summary: 'Tensors one after the other along an axis.',
  operands: ['parts...'],
  attributeNames: ['axis'],
  kind: 'move',
  linearIn: 'all',
  infer: (inputs, { axis }, fail) => {
    const [first, ...others] = inputs;
    if (!first || !(axis in first.shape)) return fail(`there must be a part, and axis ${axis} in it`);
    for (const other of others) {
      const fits = other.shape.every((size, i) => i === axis || size === first.shape[i]);
      if (!fits || other.shape.length !== first.shape.length || other.dtype !== first.dtype) {
        fail(`parts must have the same dtype and, but for axis ${axis}, the same shape`);
      }
    }
    const total = inputs.reduce((sum, part) => sum + part.shape[axis]!, 0);
    return [{ shape: replaceAt(first.shape, axis, total), dtype: first.dtype }];
  },
  gradient: gradientRule<ConcatAttributes>((dy, { inputs, attributes: { axis } }) =>
    split(
      dy,
      inputs.map((part) => part.shape[axis]!),
      axis,
    ),
  ),
  evaluate: (inputs, { axis }, [output]) => {
    const out = referenceZeros(output!);
    const { outer, size, inner } = aroundAxis(output!.shape, axis);
    let start = 0;
    for (const part of inputs) {
      const block = part.shape[axis]! * inner;
      for (let o = 0; o < outer; o++) {
        out.data.set(part.data.subarray(o * block, (o + 1) * block), o * size * inner + start);
      }
      start += block;
    }
    return [out];
  },
  batch: (inputs, attributes, examples) => {
    const { axis } = inputs.find((input) => input.axis !== null)!;
    const parts = inputs.map((input) => atAxis(input, axis!, examples));
    return [{ tensor: single(concatOp, parts, { axis: shifted(attributes.axis, axis!) }), axis }];
  },
  cost: (inputs, outputs) => streamingCost(inputs, outputs),
});

/** Joins tensors along `axis`, the last one unless told. */
export const concat = (parts: readonly Tensor[], axis = -1): Tensor =>
  parts.length === 1 ? parts[0]! : single(concatOp, parts, { axis: countedAxis(axis, parts[0]?.shape.length ?? 0) });

/** Tensors of one shape as those of a new first axis. */
export const stack = (tensors: readonly Tensor[]): Tensor =>
  concat(
    tensors.map((tensor) => expandDims(tensor, 0)),
    0,
  );

type SplitAttributes = { readonly sizes: readonly number[]; readonly axis: number };

export const splitOp: Primitive<SplitAttributes> = primitive<SplitAttributes>({
  name: 'split',
  summary: 'The operand cut into consecutive parts along an axis.',
  operands: ['x'],
  attributeNames: ['sizes', 'axis'],
  kind: 'view',
  linearIn: 0,
  infer: ([x], { sizes, axis }, fail) => {
    const whole = sizes.every((size) => Number.isInteger(size) && size >= 0);
    if (!whole || sizes.reduce((sum, size) => sum + size, 0) !== x!.shape[axis]) {
      fail(`parts [${sizes.join(', ')}] must be whole numbers that add up to axis ${axis}`);
    }
    return sizes.map((size) => ({ shape: replaceAt(x!.shape, axis, size), dtype: x!.dtype }));
  },
  gradient: (node, cotangents) => {
    if (cotangents.every((cotangent) => !cotangent)) return [null];
    const parts = node.outputs.map((part, i) => cotangents[i] ?? constant(0, part.shape, part.dtype));
    return [concat(parts, node.attributes.axis)];
  },
  evaluate: ([x], { axis }, outputs) => {
    const { outer, size, inner } = aroundAxis(x!.shape, axis);
    let start = 0;
    return outputs.map((part) => {
      const block = part.shape[axis]! * inner;
      const data = readStrided(x!.data, [outer, block], [size * inner, 1], start);
      start += block;
      return reference(part, data);
    });
  },
  batch: ([x], { sizes, axis }) =>
    apply(splitOp, [x!.tensor], { sizes, axis: shifted(axis, x!.axis!) }).map((tensor) => ({ tensor, axis: x!.axis })),
  cost: freeCost,
});

/**
 * Cuts `x` along `axis` (the last one unless told) into parts of the given sizes, or into that many equal ones.
 *
 * @example
 * const [q, k, v] = split(qkv, 3);
 */
export const split = (x: Tensor, sizes: readonly number[] | number, axis = -1): Tensor[] => {
  const at = countedAxis(axis, x.shape.length);
  if (typeof sizes !== 'number') return [...apply(splitOp, [x], { sizes, axis: at })];
  const part = x.shape[at]! / sizes;
  if (!Number.isInteger(part)) throw shapeError('split', [x], `axis ${axis} must divide into ${sizes} equal parts`);
  return [...apply(splitOp, [x], { sizes: new Array<number>(sizes).fill(part), axis: at })];
};
