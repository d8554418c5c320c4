/** How axes are counted where one more of them, that of the examples, lies among them. No ops, so that every op can use it. */

import type { Mapped } from '../op.js';
import type { Shape } from '../types.js';

export const insertAt = <T>(list: readonly T[], at: number, ...items: readonly T[]): T[] => [
  ...list.slice(0, at),
  ...items,
  ...list.slice(at),
];

/** An axis of one example as it is counted where the axis of the examples lies at `at`. */
export const shifted = (axis: number, at: number): number => (axis >= at ? axis + 1 : axis);

/** The shape that one example has. */
export const exampleShape = ({ tensor, axis }: Mapped): Shape => tensor.shape.filter((_, i) => i !== axis);

/** The rule of ops that leave axes alone. */
export const sameAxes =
  <A>(compute: (x: Mapped['tensor'], attributes: A) => Mapped['tensor']) =>
  ([x]: readonly Mapped[], attributes: A): Mapped[] => [{ tensor: compute(x!.tensor, attributes), axis: x!.axis }];
