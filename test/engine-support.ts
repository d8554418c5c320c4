import fc from 'fast-check';
import { expect } from 'vitest';
import { compile } from '../src/compile/compile.js';
import { defaultExecutor } from '../src/compile/default-executor.js';
import { asBytes, HostArray, newData } from '../src/compile/host-array.js';
import { NativeExecutor } from '../src/compile/native/executor.js';
import { ReferenceExecutor } from '../src/compile/reference/executor.js';
import {
  broadcastTo,
  type DType,
  elementCount,
  isFloat,
  reshape,
  type Shape,
  slice,
  split,
  type Tensor,
  transpose,
} from '../src/tensor/index.js';

const chosen = defaultExecutor();
// Or the reference would be compared with itself, and agree.
if (!(chosen instanceof NativeExecutor)) throw new Error('these tests need the native core: npm run build:native');
export const native = chosen;
const twoThreads = new NativeExecutor(native.addon, 2);
export const reference = new ReferenceExecutor();

/** A whole number from `min` to `max`. */
export type Draw = (min: number, max: number) => number;

/** Draws that fast-check makes inside of a property. */
export const drawFrom =
  (generate: fc.GeneratorValue): Draw =>
  (min, max) =>
    generate(fc.integer, { min, max });

/** Draws that repeat for the same seed, for functions that are traced several times. */
export const drawBy = (seed: number): Draw => {
  let state = seed >>> 0;
  return (min, max) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0;
    return min + Math.floor((((mixed ^ (mixed >>> 12)) >>> 0) / 2 ** 32) * (max - min + 1));
  };
};

/** How often a property is tried, and where its examples start; the same ones in every run. */
export const trials = (numRuns: number) => ({ numRuns, seed: 20240607, endOnFailure: true });

export const pick = <T>(draw: Draw, list: readonly T[]): T => list[draw(0, list.length - 1)]!;
export const chance = (draw: Draw, oneIn: number): boolean => draw(1, oneIn) === 1;

/** Sizes around those at which kernels change their ways: vectors of 4 to 16, tiles, tails, and now and then nothing. */
export const size = (draw: Draw): number => pick(draw, [1, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33]);

export const shapeOf = (draw: Draw, rank: number, most = 2000): number[] => {
  const shape: number[] = [];
  let count = 1;
  for (let i = 0; i < rank; i++) {
    shape.push(Math.min(size(draw), Math.max(1, Math.floor(most / count))));
    count *= shape[i]!;
  }
  return shape;
};

/** A shape that broadcasts to `shape`: leading axes missing, others 1. */
export const broadcastable = (draw: Draw, shape: Shape): number[] => {
  const missing = chance(draw, 3) ? draw(0, shape.length) : 0;
  return shape.slice(missing).map((n) => (chance(draw, 3) ? 1 : n));
};

/** Numbers from `low` to `high` (integers below `high` for integer types), a function of the draw. */
export const values = (draw: Draw, shape: Shape, dtype: DType, [low, high]: readonly [number, number]): HostArray => {
  let state = draw(0, 2 ** 31 - 1) + 1;
  const data = newData(dtype, elementCount(shape));
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const x = low + (high - low) * (state / 2 ** 32);
    data[i] = isFloat(dtype) ? x : Math.floor(x);
  }
  return new HostArray(data, shape, dtype);
};

export const permutation = (draw: Draw, count: number): number[] => {
  const order: number[] = [];
  for (let i = 0; i < count; i++) order.splice(draw(0, i), 0, i);
  return order;
};

/** A shape to take as input, and the views that lead from it to the wanted one. */
export interface Arrangement {
  readonly shape: readonly number[];
  readonly view: (input: Tensor) => Tensor;
}

/** Another way for a value of `shape` to lie in memory: dense, or through up to `depth` views. */
export const arrange = (draw: Draw, shape: Shape, depth = 2): Arrangement => {
  if (depth === 0 || chance(draw, 3)) return { shape, view: (x) => x };
  const axis = draw(0, Math.max(0, shape.length - 1));
  const before = (other: readonly number[], view: (x: Tensor) => Tensor): Arrangement => {
    const inner = arrange(draw, other, depth - 1);
    return { shape: inner.shape, view: (x) => view(inner.view(x)) };
  };
  const replaced = (n: number): number[] => shape.map((old, i) => (i === axis ? n : old));
  const kind = draw(0, 4);
  if (kind === 0 && shape.length > 1) {
    const order = permutation(draw, shape.length);
    return before(
      order.map((i) => shape[i]!),
      (x) =>
        transpose(
          x,
          shape.map((_, i) => order.indexOf(i)),
        ),
    );
  }
  if (kind === 1 && shape.length > 0) {
    const [start, rest] = [draw(0, 3), draw(0, 3)];
    const end = start + shape[axis]!;
    return before(replaced(end + rest), (x) => slice(x, { axis, start, end }));
  }
  if (kind === 2 && shape.length > 0) {
    const parts = [draw(0, 4), shape[axis]!, draw(0, 4)];
    return before(replaced(parts.reduce((a, b) => a + b)), (x) => split(x, parts, axis)[1]!);
  }
  if (kind === 3) return before([elementCount(shape)], (x) => reshape(x, shape));
  if (kind === 4 && shape.length > 0) return before(replaced(1), (x) => broadcastTo(x, shape));
  return before(shape, (x) => x);
};

export type Function = (...inputs: Tensor[]) => readonly Tensor[];

/** Runs `body` while programs are made ready with dead memory filled with NaN. */
export const poisoned = async <R>(body: () => Promise<R>): Promise<R> => {
  process.env.NONET_POISON = '1';
  try {
    return await body();
  } finally {
    delete process.env.NONET_POISON;
  }
};

/** The results on the native executor: as usual, with passes off, without memory reuse, on two threads, poisoned; and on the reference. */
export const runEverywhere = async (f: Function, inputs: readonly HostArray[]) => {
  const run = async (options: Parameters<typeof compile>[1]): Promise<HostArray[]> =>
    compile(f as (...inputs: Tensor[]) => Tensor[], options)(...inputs);
  return {
    plain: await run({ executor: native }),
    unoptimized: await run({ executor: native, optimize: false }),
    unshared: await run({ executor: native, reuse: false }),
    threaded: await run({ executor: twoThreads }),
    poison: await poisoned(() => run({ executor: native })),
    expected: await run({ executor: reference }),
  };
};

const describeAll = (arrays: readonly HostArray[]): string =>
  arrays.map(({ dtype, shape }) => `${dtype}[${shape}]`).join(' ');

export const expectSameBits = (got: readonly HostArray[], expected: readonly HostArray[], what: string): void => {
  expect(describeAll(got)).toBe(describeAll(expected));
  got.forEach((array, i) => {
    if (Buffer.compare(asBytes(array.data), asBytes(expected[i]!.data)) === 0) return;
    const at = array.data.findIndex((x, k) => !Object.is(x, expected[i]!.data[k]));
    expect.fail(
      `${what}: result ${i} (${describeAll([array])}) at ${at}: ${array.data[at]}, not ${expected[i]!.data[at]}`,
    );
  });
};

/** Floats may differ by rounding, `tolerance` of 1 or of the value; others must be equal. */
export const expectClose = (got: readonly HostArray[], expected: readonly HostArray[], tolerance: number): void => {
  expect(describeAll(got)).toBe(describeAll(expected));
  got.forEach((array, i) => {
    const allowed = array.dtype === 'f32' || array.dtype === 'f64' ? tolerance : 0;
    array.data.forEach((x, k) => {
      const y = expected[i]!.data[k]!;
      if (Object.is(x, y) || x === y) return;
      if (Math.abs(x - y) <= allowed * Math.max(1, Math.abs(y))) return;
      expect.fail(`result ${i} (${describeAll([array])}) at ${k}: ${x}, expected ${y}`);
    });
  });
};

/** Native results do not depend on passes and memory reuse, bit for bit, and agree with the reference. */
export const expectConforms = async (f: Function, inputs: readonly HostArray[], tolerance = 1e-4): Promise<void> => {
  const results = await runEverywhere(f, inputs);
  expectClose(results.unoptimized, results.expected, tolerance);
  expectSameEverywhere(results, 'this function');
};

/** Neither passes nor the places of values change a bit. */
export const expectSameEverywhere = (results: Awaited<ReturnType<typeof runEverywhere>>, what: string): void => {
  expectSameBits(results.plain, results.unoptimized, `${what}, passes on and off`);
  expectSameBits(results.plain, results.unshared, `${what}, with and without memory reuse`);
  expectSameBits(results.plain, results.threaded, `${what}, on one thread and on two`);
  expectSameBits(results.plain, results.poison, `${what}, with and without poison`);
};
