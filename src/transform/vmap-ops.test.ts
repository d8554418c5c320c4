import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { hostArray, newData } from '../compile/host-array.js';
import type { Tensor } from '../tensor/graph.js';
import { allOps, transpose } from '../tensor/index.js';
import { apply } from '../tensor/op.js';
import { evaluateFunction } from '../tensor/ops/evaluate-graph.js';
import { cases, firstDifference, valuesOf } from '../tensor/ops/test-support.js';
import { elementCount, isFloat, type ReferenceArray } from '../tensor/types.js';
import { type Axes, vmap } from './vmap.js';

const native = defaultExecutor();
const size = 3;

/** Arrays of one type along a new axis. */
const stacked = (arrays: readonly ReferenceArray[], axis: number): ReferenceArray => {
  const [first] = arrays as [ReferenceArray];
  const count = elementCount(first.shape);
  const data = new Float64Array(count * arrays.length);
  arrays.forEach((one, i) => data.set(one.data, i * count));
  const front = { shape: [arrays.length, ...first.shape], dtype: first.dtype, data };
  const order = first.shape.map((_, i) => i + 1);
  order.splice(axis, 0, 0);
  return evaluateFunction((x) => [transpose(x!, order)], front)[0]!;
};

/** Runs a function natively, on f32 in place of f64: its results as reference arrays. */
const runNative = async (
  f: (...inputs: Tensor[]) => readonly Tensor[],
  arrays: readonly ReferenceArray[],
): Promise<ReferenceArray[]> => {
  const inputs = arrays.map(({ data, shape, dtype }) => {
    const type = dtype === 'f64' ? 'f32' : dtype;
    const values = newData(type, data.length);
    values.set(data);
    return hostArray(values as Float32Array, shape, type);
  });
  const results = await compile((...all: Tensor[]) => [...f(...all)], { executor: native })(...inputs);
  return results.map(({ data, shape, dtype }: { data: Float32Array; shape: number[]; dtype: 'f32' }) => ({
    data: Float64Array.from(data),
    shape,
    dtype,
  }));
};

/** Which operands are mapped, and over which axis: all over the first or the last one, and each alone, over any. */
const mappings = (ranks: readonly number[]): (number | null)[][] => {
  const all = [ranks.map(() => 0), ranks.map((rank) => rank)];
  const middle = ranks.map((rank) => rank >> 1);
  const alone = ranks.flatMap((rank, i) =>
    Array.from({ length: rank + 1 }, (_, axis) => ranks.map((_, j) => (i === j ? axis : null))),
  );
  const but = ranks.map((_, i) => ranks.map((rank, j) => (i === j ? null : (rank + i) % (rank + 1))));
  const known = new Set<string>();
  return [...all, middle, ...(ranks.length > 1 ? [...alone, ...but] : alone)].filter((axes) => {
    const key = String(axes);
    const isNew = !known.has(key) && axes.some((axis) => axis !== null);
    known.add(key);
    return isNew;
  });
};

/** Random ops draw other numbers for each example than alone; they have tests of their own. */
const mapped = cases.filter(({ arrays, op }) => arrays.length > 0 && !op.draws);

describe('vmap of every op equals a loop', () => {
  it('tries every op that has operands', () => {
    const tried = new Set([...mapped.map(({ op }) => op.name), 'input', 'constant', 'randomUniform', 'randomNormal']);
    expect([...tried].sort()).toEqual(allOps.map(({ name }) => name).sort());
  });

  it.each(mapped)('$title', async ({ op, example, attributes, arrays }) => {
    const own = Array.from({ length: size }, (_, e) =>
      example.operands.map((operand, i) => valuesOf(operand, 31 * e + i)),
    );
    const one = (...inputs: Tensor[]): readonly Tensor[] => apply(op, inputs, attributes);
    for (const inAxes of mappings(arrays.map(({ shape }) => shape.length))) {
      const inputs = arrays.map((_, i) =>
        inAxes[i] === null
          ? own[0]![i]!
          : stacked(
              own.map((operands) => operands[i]!),
              inAxes[i]!,
            ),
      );
      const loop = own.map((operands) =>
        evaluateFunction(one, ...operands.map((operand, i) => (inAxes[i] === null ? own[0]![i]! : operand))),
      );
      const ranks = loop[0]!.map(({ shape }) => shape.length);
      const [onReference, onNative] = [ranks.map(() => 0), ranks.map((rank) => rank)];
      const f = (outAxes: Axes) => vmap(one, { inAxes, outAxes }) as (...inputs: Tensor[]) => readonly Tensor[];
      expectEqual(evaluateFunction(f(onReference), ...inputs), loop, onReference, 1e-10, `inAxes ${inAxes}`);
      // A guard that fires ends the run there; what it does under vmap is told in vmap.test.ts.
      if (native.name !== 'native' || op.name === 'guard') continue;
      expectEqual(await runNative(f(onNative), inputs), loop, onNative, 2e-5, `natively, inAxes ${inAxes}`);
    }
  });

  const expectEqual = (
    got: readonly ReferenceArray[],
    loop: readonly (readonly ReferenceArray[])[],
    axes: readonly number[],
    tolerance: number,
    what: string,
  ): void => {
    expect(got.length).toBe(loop[0]!.length);
    got.forEach((result, i) => {
      const expected = stacked(
        loop.map((results) => results[i]!),
        axes[i]!,
      );
      expect(result.shape, what).toEqual(expected.shape);
      const near = isFloat(expected.dtype) ? tolerance : 0;
      expect(firstDifference(result.data, expected.data, near), what).toBeUndefined();
    });
  };
});

describe('vmap of ops that draw', () => {
  const draws = cases.filter(({ op }) => op.draws);
  const alone = (op: (typeof draws)[number]['op'], arrays: readonly ReferenceArray[], attributes: object) =>
    evaluateFunction((...inputs) => apply(op, inputs, attributes as never), ...arrays)[0]!;

  it.each(draws)(
    'gives each example the numbers behind those of the one before: $title',
    ({ op, arrays, attributes }) => {
      const [got] = evaluateFunction(
        (x, ...sources) => [vmap((_: Tensor) => apply(op, sources, attributes)[0]!)(x!)],
        { shape: [size], dtype: 'f64', data: new Float64Array(size) },
        ...arrays,
      );
      const shape = [size, ...(attributes.shape as number[])];
      expect(got).toEqual(alone(op, arrays, { ...attributes, shape }));
      const first = alone(op, arrays, attributes).data;
      expect([...got!.data.slice(0, first.length)]).toEqual([...first]);
    },
  );

  it.each(draws)('gives examples with seeds of their own what each alone would draw: $title', ({ op, attributes }) => {
    const seeds = { shape: [size], dtype: 'i32' as const, data: Float64Array.of(4, 9, 2) };
    const step = { shape: [], dtype: 'i32' as const, data: Float64Array.of(5) };
    const [got] = evaluateFunction(
      (seed, at) => [vmap((own: Tensor) => apply(op, [own, at!], attributes)[0]!)(seed!)],
      seeds,
      step,
    );
    const loop = [...seeds.data].map((seed) => {
      const own = { shape: [], dtype: 'i32' as const, data: Float64Array.of(seed) };
      return alone(op, [own, step], attributes);
    });
    expect(got).toEqual(stacked(loop, 0));
  });
});
