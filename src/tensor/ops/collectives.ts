/**
 * What the runs of one function tell each other, over an axis that has a name: devices, mostly. A function that calls these is
 * written for one of them. `vmap` over the axis makes sums and transposes of them, so that no program has one of these ops. An
 * axis of one device makes none in the first place.
 *
 * Gradients are those of the sum over all devices: what one of them sends to others brings back the cotangents from there.
 */

import { NonetError } from '../../core/errors.js';
import { type Attributes, type NamedAxis, type Tensor, traceContext } from '../graph.js';
import type { Examples, Mapped } from '../op.js';
import type { Shape } from '../types.js';
import { mul } from './arithmetic.js';
import {
  countedAxis,
  freeCost,
  gradientRule,
  noGradient,
  numbers,
  type Primitive,
  primitive,
  referenceZeros,
  shapeError,
  single,
  streamingCost,
} from './define.js';
import { exampleShape, insertAt, shifted } from './example-axes.js';
import { constant, iota } from './leaves.js';
import { atAxis } from './mapped.js';
import { reshape } from './reshape.js';
import { sum } from './sum.js';
import { transpose } from './transpose.js';

type Over = { readonly axisName: string; readonly axisSize: number; readonly axisId: number };
type GatherAttributes = Over & { readonly at: number };
type ToAllAttributes = Over & { readonly splitAxis: number; readonly concatAxis: number };

/** Whether a collective goes over the axis that is being mapped, and not over another one. */
export const isOver = (attributes: Attributes, { axis }: Examples): boolean =>
  axis !== undefined && attributes.axisId === axis.id;

const without = (shape: Shape, axis: number): number[] => shape.filter((_, i) => i !== axis);

/** What all have in common: one program is never more than one device, and what evaluates them are patterns that nobody reads. */
const collective = <A extends Over>(
  definition: Omit<Primitive<A>, 'kind' | 'evaluate' | 'cost'> & Partial<Pick<Primitive<A>, 'cost'>>,
): Primitive<A> =>
  primitive<A>({
    cost: (inputs, outputs) => streamingCost(inputs, outputs),
    ...definition,
    kind: 'collective',
    evaluate: (_, __, outputs) => outputs.map(referenceZeros),
  });

const axisIndexOp: Primitive<Over> = collective<Over>({
  name: 'axisIndex',
  summary: 'Which device of a named axis this is: an i32 scalar.',
  operands: [],
  infer: () => [{ shape: [], dtype: 'i32' }],
  gradient: noGradient,
  batch: (_, __, { size }) => [{ tensor: iota(size), axis: 0 }],
  cost: freeCost,
});

const allReduceSumOp: Primitive<Over> = collective<Over>({
  name: 'allReduceSum',
  summary: 'The sum of what all devices of a named axis have, on each of them.',
  operands: ['x'],
  linearIn: 0,
  infer: (inputs) => inputs,
  gradient: gradientRule<Over>((dy, { attributes }) => [single(allReduceSumOp, [dy], attributes)]),
  batch: ([x], attributes, examples) => {
    const { tensor, axis } = x!;
    if (!isOver(attributes, examples)) return [{ tensor: single(allReduceSumOp, [tensor], attributes), axis }];
    return [{ tensor: axis === null ? mul(tensor, examples.size) : sum(tensor, { axes: [axis] }), axis: null }];
  },
});

const allGatherOp: Primitive<GatherAttributes> = collective<GatherAttributes>({
  name: 'allGather',
  summary: 'What all devices of a named axis have, stacked along a new axis, on each of them.',
  operands: ['x'],
  linearIn: 0,
  infer: ([x], { at, axisSize }) => [{ shape: insertAt(x!.shape, at, axisSize), dtype: x!.dtype }],
  gradient: gradientRule<GatherAttributes>((dy, { attributes: { at, ...over } }) => [scattered(dy, at, over)]),
  batch: ([x], attributes, examples) => {
    const { at } = attributes;
    if (isOver(attributes, examples)) return [{ tensor: atAxis(x!, at, examples), axis: null }];
    const axis = x!.axis!;
    const y = single(allGatherOp, [x!.tensor], { ...attributes, at: at > axis ? at + 1 : at });
    return [{ tensor: y, axis: at > axis ? axis : axis + 1 }];
  },
});

const allToAllOp: Primitive<ToAllAttributes> = collective<ToAllAttributes>({
  name: 'allToAll',
  summary: 'Device i of a named axis gets part i of an axis from all devices, stacked along a new axis.',
  operands: ['x'],
  linearIn: 0,
  infer: ([x], { splitAxis, concatAxis, axisSize }) => [
    { shape: insertAt(without(x!.shape, splitAxis), concatAxis, axisSize), dtype: x!.dtype },
  ],
  gradient: gradientRule<ToAllAttributes>((dy, { attributes }) => {
    const { splitAxis, concatAxis } = attributes;
    return [single(allToAllOp, [dy], { ...attributes, splitAxis: concatAxis, concatAxis: splitAxis })];
  }),
  batch: ([x], attributes, examples) => {
    const { splitAxis, concatAxis } = attributes;
    if (!isOver(attributes, examples)) {
      const shiftedAxes = { splitAxis: splitAxis + 1, concatAxis: concatAxis + 1 };
      return [{ tensor: single(allToAllOp, [atAxis(x!, 0, examples)], { ...attributes, ...shiftedAxes }), axis: 0 }];
    }
    const { tensor, axis } = x!.axis === null ? repeated(x!, examples) : x!;
    // The axis of the devices and the one of their parts change places.
    const others = exampleShape({ tensor, axis }).flatMap((_, i) => (i === splitAxis ? [] : [shifted(i, axis!)]));
    const order = [shifted(splitAxis, axis!), ...insertAt(others, concatAxis, axis!)];
    return [{ tensor: transpose(tensor, order), axis: 0 }];
  },
});

const repeated = (x: Mapped, examples: Examples): Mapped => ({ tensor: atAxis(x, 0, examples), axis: 0 });

/** The sum over all devices of the part of an axis, which is one for each, that is this device's. */
const scattered = (x: Tensor, splitAxis: number, over: Over): Tensor =>
  sum(single(allToAllOp, [x], { ...over, splitAxis, concatAxis: 0 }), { axes: [0] });

/** The innermost axis of that name. Throws `E_TRACE` where there is none. */
const namedAxis = (name: string): NamedAxis => {
  const { axes } = traceContext();
  const axis = axes?.get(name);
  if (axis) return axis;
  const known = axes?.size ? `there is ${[...axes.keys()].join(', ')}` : 'there is none';
  throw new NonetError('E_TRACE', `no axis is named ${name}, ${known}; name it: vmap(f, { axisName: '${name}' })`, {
    axisName: name,
  });
};

const over = ({ name, size, id }: NamedAxis): Over => ({ axisName: name, axisSize: size, axisId: id });

/** An axis of x, counted from the front; of a result that has one more axis with `more`. Throws `E_SHAPE` beyond the last one. */
const axisIn = (op: string, x: Tensor, axis: number, more = 0): number => {
  const rank = x.shape.length + more;
  const at = countedAxis(axis, rank);
  if (Number.isInteger(at) && at >= 0 && at < rank) return at;
  throw shapeError(op, [x], `axis ${axis} must be from ${-rank} to ${rank - 1}`);
};

/** With an axis that is to be dealt to all devices, as [devices, part of each]. */
const inParts = (op: string, x: Tensor, axis: number, { name, size }: NamedAxis, tiled: boolean): Tensor => {
  const own = x.shape[axis]!;
  if (tiled ? own % size === 0 : own === size) {
    return tiled ? reshape(x, [...x.shape.slice(0, axis), size, own / size, ...x.shape.slice(axis + 1)]) : x;
  }
  const wanted = tiled ? `a multiple of ${size}` : `${size}, or a multiple of it with tiled`;
  throw shapeError(op, [x], `axis ${axis} must be ${wanted}, the size of ${name}`);
};

/** An axis of devices and the one behind it as one. */
const merged = (x: Tensor, axis: number): Tensor =>
  reshape(x, [...x.shape.slice(0, axis), x.shape[axis]! * x.shape[axis + 1]!, ...x.shape.slice(axis + 2)]);

/** How many devices a named axis has; known while tracing. Throws `E_TRACE` where no axis has that name. */
export const axisSize = (axisName: string): number => namedAxis(axisName).size;

/** Which device of a named axis this is: an i32 scalar from 0 on. */
export const axisIndex = (axisName: string): Tensor => {
  const axis = namedAxis(axisName);
  return axis.size === 1 ? constant(0, [], 'i32') : single(axisIndexOp, [], over(axis));
};

/** The sum of what all devices of a named axis have as `x`; each gets it. */
export const allReduceSum = (x: Tensor, axisName: string): Tensor => {
  const axis = namedAxis(axisName);
  if (!numbers.includes(x.dtype)) throw shapeError('allReduceSum', [x], `x must be ${numbers.join(' or ')}; cast() it`);
  return axis.size === 1 ? x : single(allReduceSumOp, [x], over(axis));
};

export interface CollectiveOptions {
  readonly axisName: string;
  /** Whether the devices' parts lie one behind the other along an axis, and not along an axis of their own; no unless told. */
  readonly tiled?: boolean;
}

/**
 * What all devices of a named axis have as `x`, stacked along a new axis at `axis` (0 unless told); each gets it. With `tiled`
 * they are one behind the other along an axis that is there.
 */
export const allGather = (
  x: Tensor,
  { axisName, axis = 0, tiled = false }: CollectiveOptions & { readonly axis?: number },
): Tensor => {
  const devices = namedAxis(axisName);
  const at = axisIn('allGather', x, axis, tiled ? 0 : 1);
  const y =
    devices.size === 1 ? reshape(x, insertAt(x.shape, at, 1)) : single(allGatherOp, [x], { ...over(devices), at });
  return tiled ? merged(y, at) : y;
};

/**
 * Device i of a named axis gets part i of `splitAxis`, which has one for each device, of what every device has as `x`. The parts
 * that it gets are stacked along a new axis at `concatAxis` of what is left. With `tiled` the parts of `splitAxis` are runs of
 * it, and those that a device gets lie one behind the other along `concatAxis`.
 *
 * @example
 * // [batch, length, width] of all positions to [batch, length / devices, devices * width]: every devices-th one, of all devices.
 * const dealt = ops.reshape(x, [batch, length / devices, devices, width]);
 * const own = ops.allToAll(dealt, { axisName: 'devices', splitAxis: 2, concatAxis: 2 });
 */
export const allToAll = (
  x: Tensor,
  options: CollectiveOptions & { readonly splitAxis: number; readonly concatAxis: number },
): Tensor => {
  const { axisName, tiled = false } = options;
  const devices = namedAxis(axisName);
  const splitAxis = axisIn('allToAll', x, options.splitAxis);
  const concatAxis = axisIn('allToAll', x, options.concatAxis);
  const parts = inParts('allToAll', x, splitAxis, devices, tiled);
  const y =
    devices.size === 1
      ? reshape(parts, insertAt(without(parts.shape, splitAxis), concatAxis, 1))
      : single(allToAllOp, [parts], { ...over(devices), splitAxis, concatAxis });
  return tiled ? merged(y, concatAxis) : y;
};

/**
 * The sum over all devices of a named axis, of which device i gets part i of `axis` (0 unless told): the axis is gone or, with
 * `tiled`, as long as one part.
 */
export const reduceScatterSum = (
  x: Tensor,
  { axisName, axis = 0, tiled = false }: CollectiveOptions & { readonly axis?: number },
): Tensor => {
  const devices = namedAxis(axisName);
  if (!numbers.includes(x.dtype)) {
    throw shapeError('reduceScatterSum', [x], `x must be ${numbers.join(' or ')}; cast() it`);
  }
  const at = axisIn('reduceScatterSum', x, axis);
  const parts = inParts('reduceScatterSum', x, at, devices, tiled);
  return devices.size === 1 ? reshape(parts, without(parts.shape, at)) : scattered(parts, at, over(devices));
};
