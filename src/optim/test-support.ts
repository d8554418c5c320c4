import type { HostArray } from '../compile/host-array.js';
import { f32, i32, randomArray, run } from '../nn/test-support.js';
import { elementCount, type Shape, type Tensor, type Tree } from '../tensor/index.js';
import { type Optimizer, optimizerStateTypes, updateParameters } from './optimizer.js';

/** What the tests of optimizers follow, in plain float64: a parameter and what is kept about it. */
export interface Plain {
  readonly parameter: number[];
  readonly kept: Record<string, number[]>;
}

export type PlainUpdate = (
  values: Plain,
  at: { name: string; shape: Shape; gradient: number[]; squares: number[]; lr: number; t: number },
) => Plain;

/** A wide, a tall and a zero matrix and a vector. */
const start: Record<string, HostArray> = {
  wide: randomArray([3, 5], 1),
  tall: randomArray([4, 2], 2),
  head: f32(new Array<number>(6).fill(0), [2, 3]),
  vector: randomArray([3], 4),
};

/** And one of three axes, for optimizers that look at axes. */
export const withKernel: Record<string, HostArray> = { ...start, kernel: randomArray([3, 2, 4], 5) };

/** Gradients of very unlike sizes, of which the vector's are tiny. */
const gradientsAt = (t: number, of: Record<string, HostArray>): Record<string, HostArray> =>
  Object.fromEntries(
    Object.entries(of).map(([name, { shape }], i) => [
      name,
      randomArray(shape, 10 * t + i, [1, 0.1, 10, 1e-4, 0.5][i]! * (1 + (t % 3))),
    ]),
  );

/** Squared gradients of examples, for optimizers that take them: not those of the gradients. */
const squaresAt = (t: number, of: Record<string, HostArray>): Record<string, HostArray> =>
  Object.fromEntries(
    Object.entries(gradientsAt(t + 100, of)).map(([name, { data, shape }]) => [
      name,
      f32(
        Array.from(data, (x) => Math.fround(Number(x) ** 2)),
        shape,
      ),
    ]),
  );

export interface Difference {
  /** `step 3, tall` */
  readonly where: string;
  /** The largest difference from plain float64, over the largest value there. */
  readonly error: number;
}

/**
 * Ten updates of an optimizer beside a plain version; `plain` gets all tensors of a step at once. What is kept must have
 * the same names in both.
 */
export const tenUpdates = async (
  optimizer: Optimizer,
  plain: (
    tensors: Map<string, Plain>,
    gradients: Map<string, number[]>,
    at: { squares: Map<string, number[]>; lr: number; t: number },
  ) => Map<string, Plain>,
  first: Record<string, HostArray> = start,
): Promise<Difference[]> => {
  const types = optimizerStateTypes(optimizer, first);
  const zeros = mapLeaves(types, ({ shape }) => f32(new Array<number>(elementCount(shape)).fill(0), shape));
  let trees = { parameters: first as Tree<HostArray>, state: zeros };
  let values = new Map(
    Object.entries(first).map(([name, { data, shape, dtype }]) => {
      const kept = Object.entries(optimizer.keeps(name, { shape, dtype })).map(
        ([key, type]) => [key, new Array<number>(elementCount(type.shape)).fill(0)] as const,
      );
      return [name, { parameter: [...data] as number[], kept: Object.fromEntries(kept) }] as const;
    }),
  ) as Map<string, Plain>;
  const differences: Difference[] = [];
  for (let t = 1; t <= 10; t++) {
    const lr = 0.01 * t;
    const gradients = gradientsAt(t, first);
    const squares = squaresAt(t, first);
    const next = await run(
      (
        given: Record<'parameters' | 'gradients' | 'squares', Tree<Tensor>> & { state: Record<string, Tree<Tensor>> },
        rate,
        step,
      ) => ({
        ...updateParameters(optimizer, given, { learningRate: rate, step }),
      }),
      { ...trees, gradients, squares } as never,
      lr,
      i32([t], []),
    );
    trees = next;
    values = plain(values, numbersOf(gradients), { squares: numbersOf(squares), lr, t });
    for (const [name, { parameter, kept }] of values) {
      differences.push({ where: `step ${t}, ${name}`, error: error(next.parameters[name].data, parameter) });
      for (const [key, numbers] of Object.entries(kept)) {
        differences.push({ where: `step ${t}, ${key} of ${name}`, error: error(next.state[key][name].data, numbers) });
      }
    }
  }
  return differences;
};

/** `tenUpdates` for an optimizer whose tensors do not know of each other. */
export const tenUpdatesEach = (optimizer: Optimizer, plain: PlainUpdate, first = start): Promise<Difference[]> =>
  tenUpdates(
    optimizer,
    (tensors, gradients, { squares, ...at }) =>
      new Map(
        [...tensors].map(([name, values]) => [
          name,
          plain(values, {
            name,
            shape: first[name]!.shape,
            gradient: gradients.get(name)!,
            squares: squares.get(name)!,
            ...at,
          }),
        ]),
      ),
    first,
  );

const numbersOf = (arrays: Record<string, HostArray>): Map<string, number[]> =>
  new Map(Object.entries(arrays).map(([name, { data }]) => [name, Array.from(data, Number)]));

export const worst = (differences: readonly Difference[]): Difference =>
  differences.reduce((a, b) => (b.error > a.error || Number.isNaN(b.error) ? b : a));

const error = (got: ArrayLike<number>, wanted: readonly number[]): number => {
  const size = Math.max(...wanted.map(Math.abs), 1e-30);
  return Math.max(...wanted.map((value, i) => Math.abs(got[i]! - value) / size));
};

const mapLeaves = (
  types: ReturnType<typeof optimizerStateTypes>,
  change: (type: { shape: Shape }) => HostArray,
): Record<string, Record<string, HostArray>> =>
  Object.fromEntries(
    Object.entries(types).map(([key, tree]) => [
      key,
      Object.fromEntries(
        Object.entries(tree as Record<string, { shape: Shape }>).map(([name, type]) => [name, change(type)]),
      ),
    ]),
  );
