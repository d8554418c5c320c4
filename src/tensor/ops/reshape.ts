import type { Tensor } from '../graph.js';
import type { Mapped } from '../op.js';
import { elementCount, type Shape, sameShape } from '../types.js';
import { freeCost, gradientRule, type One, primitive, reference, single } from './define.js';
import { insertAt } from './example-axes.js';
import { transpose } from './transpose.js';

type Attributes = { readonly shape: Shape };

export const reshapeOp = primitive<Attributes>({
  name: 'reshape',
  summary: 'The same elements in row-major order under another shape.',
  operands: ['x'],
  attributeNames: ['shape'],
  kind: 'view',
  linearIn: 0,
  infer: (inputs, { shape }, fail) => {
    const [x] = inputs as One<(typeof inputs)[number]>;
    const whole = shape.every((size) => Number.isInteger(size) && size >= 0);
    if (!whole || elementCount(shape) !== elementCount(x.shape)) {
      fail(`[${shape.join(', ')}] does not hold the same ${elementCount(x.shape)} elements (one size may be -1)`);
    }
    return [{ shape, dtype: x.dtype }];
  },
  gradient: gradientRule<Attributes>((dy, node) => [reshape(dy, node.inputs[0]!.shape)]),
  evaluate: ([x], _, [output]) => [reference(output!, x!.data)],
  batch: ([x], { shape }) => {
    const kept = placeWithin(shape, x!);
    if (kept !== undefined)
      return [{ tensor: reshape(x!.tensor, insertAt(shape, kept, x!.tensor.shape[x!.axis!]!)), axis: kept }];
    const others = x!.tensor.shape.flatMap((_, axis) => (axis === x!.axis ? [] : [axis]));
    const front = transpose(x!.tensor, [x!.axis!, ...others]);
    return [{ tensor: reshape(front, [front.shape[0]!, ...shape]), axis: 0 }];
  },
  cost: freeCost,
});

/** Where among the axes of `shape` the examples can stay: with as many elements before and behind them as they have now. */
const placeWithin = (shape: Shape, { tensor, axis }: Mapped): number | undefined => {
  const before = elementCount(tensor.shape.slice(0, axis!));
  const behind = elementCount(tensor.shape.slice(axis! + 1));
  for (let at = 0; at <= shape.length; at++) {
    if (elementCount(shape.slice(0, at)) === before && elementCount(shape.slice(at)) === behind) return at;
  }
  return undefined;
};

/** Gives `x` another shape; one size may be -1 and follows from the others. */
export const reshape = (x: Tensor, shape: Shape): Tensor => {
  const open = shape.indexOf(-1);
  const known = elementCount(shape.filter((_, i) => i !== open));
  const full = open < 0 ? shape : shape.map((size, i) => (i === open ? elementCount(x.shape) / known : size));
  return sameShape(full, x.shape) ? x : single(reshapeOp, [x], { shape: full });
};

/** Inserts an axis of size 1 before `axis`; -1 appends one. */
export const expandDims = (x: Tensor, axis: number): Tensor => {
  const at = axis < 0 ? axis + x.shape.length + 1 : axis;
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
};
