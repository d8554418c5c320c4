import type { Tensor } from '../graph.js';
import type { Mapped } from '../op.js';
import { elementCount, type Shape, type TensorType } from '../types.js';
import { checkDType, countedAxis, numbers, type Primitive, shapeError, single } from './define.js';
import { shifted } from './example-axes.js';
import { reshape } from './reshape.js';
import { transpose } from './transpose.js';

/** Which axes a reduction removes (all unless told; negative ones count from the end) or, with `keepDims`, makes 1. */
export interface ReduceOptions {
  readonly axes?: readonly number[];
  readonly keepDims?: boolean;
}

export type ReduceAttributes = { readonly axes: readonly number[]; readonly keepDims: boolean };

/** The shape after a reduction. */
export const reducedShape = (shape: Shape, axes: readonly number[], keepDims: boolean): number[] =>
  keepDims
    ? shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    : shape.filter((_, axis) => !axes.includes(axis));

const isTrailing = (axes: readonly number[], rank: number): boolean =>
  axes.every((axis, i) => axis === rank - axes.length + i);

const isLeading = (axes: readonly number[]): boolean => axes.every((axis, i) => axis === i);

/** Shape rule of the primitive: a run of trailing axes or, where the op can, of leading ones. */
export const inferReduction = (
  x: TensorType,
  { axes, keepDims }: ReduceAttributes,
  leading: boolean,
  fail: (expected: string) => never,
): TensorType => {
  checkDType(x, numbers, 'the operand', fail);
  if (axes.length === 0 || !(isTrailing(axes, x.shape.length) || (leading && isLeading(axes)))) {
    fail(`axes [${axes.join(', ')}] must be a run of trailing${leading ? ' or leading' : ''} axes`);
  }
  return { shape: reducedShape(x.shape, axes, keepDims), dtype: x.dtype };
};

/** The operand as [outer, count, inner] with the reduced run in the middle. */
export const reductionExtents = (
  shape: Shape,
  axes: readonly number[],
): { outer: number; count: number; inner: number } => ({
  outer: elementCount(shape.slice(0, axes[0]!)),
  count: elementCount(axes.map((axis) => shape[axis]!)),
  inner: elementCount(shape.slice(axes.at(-1)! + 1)),
});

/**
 * Reduces over any axes with a primitive that takes runs of trailing (and leading) ones: axes of size 1 are reshaped away,
 * the trailing run goes first, axes between others are transposed to the end.
 */
export const reduce = (
  op: Primitive<ReduceAttributes>,
  x: Tensor,
  options: ReduceOptions,
  { leading }: { leading: boolean },
): Tensor => {
  const axes = sortedAxes(op.name, x, options.axes);
  const keepDims = options.keepDims ?? false;
  const shape = reducedShape(x.shape, axes, keepDims);
  if (axes.every((axis) => x.shape[axis] === 1)) return reshape(x, shape);
  if (isTrailing(axes, x.shape.length) || (leading && isLeading(axes))) return single(op, [x], { axes, keepDims });

  const wide = x.shape.flatMap((size, axis) => (size === 1 ? [] : [axis]));
  let value = reshape(
    x,
    wide.map((axis) => x.shape[axis]!),
  );
  let rest = axes.filter((axis) => wide.includes(axis)).map((axis) => wide.indexOf(axis));
  const over = (run: readonly number[]): void => {
    if (run.length === 0) return;
    value = single(op, [value], { axes: run, keepDims: false });
    rest = rest.filter((axis) => !run.includes(axis)).map((axis) => (axis > run[0]! ? axis - run.length : axis));
  };
  const rank = value.shape.length;
  over(rest.filter((axis, i) => axis - i === rank - rest.length));
  if (leading) over(rest.filter((axis, i) => axis === i));
  if (rest.length > 0) {
    const kept = value.shape.flatMap((_, axis) => (rest.includes(axis) ? [] : [axis]));
    value = transpose(value, [...kept, ...rest]);
    over(rest.map((_, i) => kept.length + i));
  }
  return reshape(value, shape);
};

/** The batching rule of a reduction: the same axes of each example. Those that are gone no longer stand before the examples. */
export const batchReduction =
  (compute: (x: Tensor, options: ReduceOptions) => Tensor) =>
  ([x]: readonly Mapped[], { axes, keepDims }: ReduceAttributes): Mapped[] => {
    const at = x!.axis!;
    const tensor = compute(x!.tensor, { axes: axes.map((axis) => shifted(axis, at)), keepDims });
    return [{ tensor, axis: keepDims ? at : at - axes.filter((axis) => axis < at).length }];
  };

/** Axes counted from the front, in order. Throws `E_SHAPE` for axes that `x` does not have or that are named twice. */
const sortedAxes = (op: string, x: Tensor, axes: readonly number[] | undefined): number[] => {
  const rank = x.shape.length;
  const all = x.shape.map((_, axis) => axis);
  const counted = axes?.map((axis) => countedAxis(axis, rank)) ?? all;
  if (new Set(counted).size !== counted.length || counted.some((axis) => !all.includes(axis))) {
    throw shapeError(op, [x], `axes [${axes?.join(', ')}] must be different axes from ${-rank} to ${rank - 1}`);
  }
  return counted.sort((a, b) => a - b);
};
