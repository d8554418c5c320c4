import { findIn, type Module, type Parameter, parametersOf } from '../../nn/index.js';
import { stack, type Tensor } from '../../tensor/index.js';
import { type VmapOptions, vmap } from '../../transform/index.js';
import type { OlmaxConfig } from './config.js';

/** The name of the axis that the devices of a model are, for collectives. */
export const axisName = 'devices';

/** A layer that each device has for itself: fields '0', '1' and so on, which parameters are named by. */
export class PerDevice<T extends object> {
  [device: number]: T;

  constructor({ devices }: OlmaxConfig, make: () => T) {
    for (let device = 0; device < devices; device++) this[device] = make();
  }

  /** That of the device for which a function is written. Within `onDevices` its parameters are those of each device. */
  get own(): T {
    return this[0]!;
  }
}

/** The parameters of one device, each with those of the same name on the others behind it. */
const parametersOfDevices = (model: Module): (readonly Parameter[])[] =>
  findIn(model, (value): value is PerDevice<object> => value instanceof PerDevice).flatMap(({ value }) => {
    const [own, ...others] = Object.values(value).map((layer) => parametersOf(layer).map(({ parameter }) => parameter));
    return own!.map((parameter, i) => [parameter, ...others.map((other) => other[i]!)]);
  });

/**
 * A function of one device, with the parameters that it has in `model`, for all devices: they are the examples of a `vmap`
 * over the axis `devices`, so that what they send each other are transposes and sums. Of one device it is the function itself.
 * With machines of their own in place of the examples it is what each of them runs.
 */
export const onDevices =
  <A extends readonly unknown[], R>(
    model: Module,
    f: (...args: A) => R,
    {
      inAxes,
      outAxes,
    }: { readonly inAxes: Extract<VmapOptions['inAxes'], readonly unknown[]> } & Pick<Required<VmapOptions>, 'outAxes'>,
  ): ((...args: A) => R) =>
  (...args) => {
    const parameters = parametersOfDevices(model);
    const stacks = parameters.map((copies) => stack(copies.map(({ value }) => value)));
    const withOwn = (values: readonly Tensor[], ...rest: A): R => {
      const restore = parameters.map(([own], i) => own!.assign(values[i]!));
      try {
        return f(...rest);
      } finally {
        for (const undo of restore) undo();
      }
    };
    return vmap(withOwn, { inAxes: [0, ...inAxes], outAxes, axisName })(stacks, ...args);
  };
