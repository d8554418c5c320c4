import type { Tensor } from '../graph.js';
import type { Mapped } from '../op.js';
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
  single,
  streamingCost,
} from './define.js';
import { shifted } from './example-axes.js';
import { readStrided } from './strided.js';

type SliceAttributes = { readonly axis: number; readonly start: number; readonly end: number };

export const sliceOp: Primitive<SliceAttributes> = primitive<SliceAttributes>({
  name: 'slice',
  summary: 'The part of an axis from `start` up to, without, `end`.',
  operands: ['x'],
  attributeNames: ['axis', 'start', 'end'],
  kind: 'view',
  linearIn: 0,
  infer: ([x], { axis, start, end }, fail) => {
    const whole = Number.isInteger(start) && Number.isInteger(end);
    if (!whole || !(axis in x!.shape) || start < 0 || end < start || end > x!.shape[axis]!) {
      fail(`${start}..${end} must be a range within axis ${axis}`);
    }
    return [{ shape: replaceAt(x!.shape, axis, end - start), dtype: x!.dtype }];
  },
  gradient: gradientRule<SliceAttributes>((dy, { inputs: [x], attributes: { axis, start, end } }) => [
    pad(dy, { axis, before: start, after: x!.shape[axis]! - end }),
  ]),
  evaluate: ([x], { axis, start, end }, [output]) => {
    const { outer, size, inner } = aroundAxis(x!.shape, axis);
    const shape = [outer, (end - start) * inner];
    return [reference(output!, readStrided(x!.data, shape, [size * inner, 1], start * inner))];
  },
  batch: ([x], attributes) => [alongAxis(sliceOp, x!, attributes)],
  cost: freeCost,
});

/** The elements `start` up to, without, `end` of an axis (the last one unless told); negative positions count from its end. */
export const slice = (x: Tensor, options: { axis?: number; start?: number; end?: number }): Tensor => {
  const axis = countedAxis(options.axis ?? -1, x.shape.length);
  const size = x.shape[axis] ?? 0;
  const start = countedAxis(options.start ?? 0, size);
  const end = countedAxis(options.end ?? size, size);
  return start === 0 && end === size && axis in x.shape ? x : single(sliceOp, [x], { axis, start, end });
};

/** The batching rule of both: the same along the same axis of each example. */
const alongAxis = <A extends SliceAttributes | PadAttributes>(
  op: Primitive<A>,
  { tensor, axis }: Mapped,
  attributes: A,
): Mapped => ({
  tensor: single(op, [tensor], { ...attributes, axis: shifted(attributes.axis, axis!) }),
  axis,
});

type PadAttributes = { readonly axis: number; readonly before: number; readonly after: number };

export const padOp: Primitive<PadAttributes> = primitive<PadAttributes>({
  name: 'pad',
  summary: 'Zeros before and after the operand along an axis.',
  operands: ['x'],
  attributeNames: ['axis', 'before', 'after'],
  kind: 'move',
  linearIn: 0,
  infer: ([x], { axis, before, after }, fail) => {
    const whole = [before, after].every((count) => Number.isInteger(count) && count >= 0);
    if (!whole || !(axis in x!.shape)) fail(`${before} and ${after} must be counts of zeros around axis ${axis}`);
    return [{ shape: replaceAt(x!.shape, axis, before + x!.shape[axis]! + after), dtype: x!.dtype }];
  },
  gradient: gradientRule<PadAttributes>((dy, { inputs: [x], attributes: { axis, before } }) => [
    slice(dy, { axis, start: before, end: before + x!.shape[axis]! }),
  ]),
  evaluate: ([x], { axis, before }, [output]) => {
    const out = referenceZeros(output!);
    const { outer, size, inner } = aroundAxis(output!.shape, axis);
    const block = x!.shape[axis]! * inner;
    for (let o = 0; o < outer; o++) {
      out.data.set(x!.data.subarray(o * block, (o + 1) * block), (o * size + before) * inner);
    }
    return [out];
  },
  batch: ([x], attributes) => [alongAxis(padOp, x!, attributes)],
  cost: (inputs, outputs) => streamingCost(inputs, outputs),
});

/** Adds zeros (false) before and after `x` along an axis, the last one unless told. */
export const pad = (x: Tensor, options: { axis?: number; before?: number; after?: number }): Tensor => {
  const { axis = -1, before = 0, after = 0 } = options;
  if (before === 0 && after === 0) return x;
  return single(padOp, [x], { axis: countedAxis(axis, x.shape.length), before, after });
};
