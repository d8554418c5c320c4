/** What the tests of layers, optimizers and models share. */

import { type Argument, compile, type Result } from '../compile/compile.js';
import { HostArray } from '../compile/host-array.js';
import { ReferenceExecutor } from '../compile/reference/executor.js';
import { nest } from '../compile/trace.js';
import { unitInterval } from '../core/random.js';
import { elementCount, type Shape, type Tensor, type Tree } from '../tensor/index.js';
import { type Module, parametersOf } from './module.js';

const executor = new ReferenceExecutor();

/** Traces `f` and runs it once in float64. */
// biome-ignore lint/suspicious/noExplicitAny: parameters mirror the arguments, tensors for arrays
export const run = (f: (...args: any[]) => Tree<Tensor>, ...args: Argument[]): Promise<Result> =>
  compile(f, { executor })(...args);

export const f32 = (values: readonly number[], shape: Shape = [values.length]): HostArray =>
  new HostArray(Float32Array.from(values), shape, 'f32');

export const i32 = (values: readonly number[], shape: Shape = [values.length]): HostArray =>
  new HostArray(Int32Array.from(values), shape, 'i32');

/** Numbers in -range .. range that depend on the seed alone. */
export const randomArray = (shape: Shape, seed: number, range = 1): HostArray =>
  f32(
    Array.from({ length: elementCount(shape) }, (_, i) => (2 * unitInterval(seed, 7, i) - 1) * range),
    shape,
  );

/** Integers from 0 up to, without, `bound`. */
export const randomIntegers = (shape: Shape, seed: number, bound: number): HostArray =>
  i32(
    Array.from({ length: elementCount(shape) }, (_, i) => Math.floor(unitInterval(seed, 8, i) * bound)),
    shape,
  );

/** Values for all parameters of a module, none of them zero: what is broken shows. */
export const randomParameters = (module: Module, seed: number, range = 0.5): Tree<HostArray> =>
  nest(
    parametersOf(module).map(({ path, parameter }, i) => [path, randomArray(parameter.shape, seed * 1000 + i, range)]),
  );
