import { add, mul, reshape, slice, square, sub, sum, type Tensor } from '../tensor/index.js';
import { firstDifference, valuesOf } from '../tensor/ops/test-support.js';
import { type VmapOptions, vmap } from './vmap.js';

/** The name of the axis in tests of what goes over devices. */
export const axisName = 'devices';

/** Row i of an axis. */
export const part = (x: Tensor, i: number, axis = 0): Tensor =>
  reshape(
    slice(x, { axis, start: i, end: i + 1 }),
    x.shape.filter((_, at) => at !== axis),
  );

export const parts = (x: Tensor, axis = 0): Tensor[] =>
  Array.from({ length: x.shape[axis]! }, (_, i) => part(x, i, axis));

export const total = (xs: readonly Tensor[]): Tensor => xs.reduce((a, b) => add(a, b));

/** How a value differs from another one in shape or by more than rounding, in words; undefined where it does not. */
export const differenceOf = (
  got: { data: Float64Array; shape: readonly number[] },
  want: typeof got,
): string | undefined => {
  if (got.shape.join() !== want.shape.join()) return `shape [${got.shape}], expected [${want.shape}]`;
  return firstDifference(got.data, want.data, 1e-10);
};

/** What is differentiated: something that no two elements enter alike. */
export const loss = (y: Tensor, weight: number): Tensor => mul(sum(square(sub(y, 0.3))), weight);

/** Of each of D devices, in front, [D, 2 D, 3]. */
export const valuesOfDevices = (devices: number) => valuesOf({ shape: [devices, devices, 2 * devices, 3] }, 5);

export const overDevices = <A extends readonly unknown[], R>(f: (...args: A) => R, options: VmapOptions = {}) =>
  vmap(f, { ...options, axisName });
