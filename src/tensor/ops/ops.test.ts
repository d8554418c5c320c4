import { describe, expect, it } from 'vitest';
import { NonetError } from '../../core/errors.js';
import { backward } from '../../transform/backward.js';
import type { Attributes, Tensor } from '../graph.js';
import { apply } from '../op.js';
import { elementCount, isFloat, type ReferenceArray } from '../types.js';
import { array, evaluateFunction } from './evaluate-graph.js';
import { allOps } from './index.js';
import {
  bool,
  cases,
  examples,
  f32,
  firstDifference,
  flags,
  index,
  type Operand,
  qkv,
  shared,
  valuesOf,
  x,
} from './test-support.js';

/** Operands that the definition says are constants to the gradient. */
const withoutFlow: Readonly<Record<string, readonly number[]>> = { rotary: [1, 2] };
const withoutGradient = ['merge', 'orthonormal'];

const closeTo = (got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void =>
  expect(firstDifference(got, expected, tolerance)).toBeUndefined();

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

describe('the list of ops', () => {
  it('has an example of every op here, and no name twice', () => {
    expect(allOps.map(({ name }) => name).sort()).toEqual(Object.keys(examples).sort());
  });
});

describe('every op', () => {
  it.each(cases)('evaluates to the shape and dtype it infers: $title', ({ op, arrays, attributes }) => {
    const results = evaluateFunction((...inputs) => apply(op, inputs, attributes), ...arrays);
    for (const result of results) {
      expect(result.data.length).toBe(elementCount(result.shape));
      expect(result.data.some(Number.isNaN)).toBe(false);
    }
  });

  it.each(cases.filter(({ op }) => op.cost))('has a finite cost: $title', ({ op, arrays, attributes }) => {
    const outputs = evaluateFunction((...inputs) => apply(op, inputs, attributes), ...arrays);
    const cost = op.cost!(arrays, outputs, attributes);
    expect(cost.flops).toBeGreaterThanOrEqual(0);
    expect(cost.bytes).toBeGreaterThanOrEqual(0);
  });

  it.each(cases.filter(({ op }) => op.decompose))('equals its decomposition: $title', ({ op, arrays, attributes }) => {
    const fused = evaluateFunction((...inputs) => apply(op, inputs, attributes), ...arrays);
    const plain = evaluateFunction((...inputs) => op.decompose!(inputs, attributes), ...arrays);
    expect(plain.length).toBe(fused.length);
    plain.forEach((result, i) => {
      expect(result.shape).toEqual(fused[i]!.shape);
      closeTo(fused[i]!.data, result.data, 1e-10);
    });
  });
});

describe('the gradient', () => {
  const differentiable = cases.filter(({ op, arrays, attributes }) => {
    if (withoutGradient.includes(op.name) || !arrays.some(({ dtype }) => isFloat(dtype))) return false;
    return evaluateFunction((...inputs) => apply(op, inputs, attributes), ...arrays).some(({ dtype }) =>
      isFloat(dtype),
    );
  });

  it.each(differentiable)('agrees with central differences: $title', ({ op, arrays, attributes }) => {
    const forward = (...inputs: Tensor[]): readonly Tensor[] => apply(op, inputs, attributes);
    const outputs = evaluateFunction(forward, ...arrays);
    const cotangents = outputs.map(({ shape }, i) => valuesOf({ shape }, 100 + i));
    const active = outputs.flatMap(({ dtype }, i) => (isFloat(dtype) ? [i] : []));
    // All outputs at once, and each alone: the others' cotangents are then null.
    for (const chosen of [active, ...(active.length > 1 ? active.map((i) => [i]) : [])]) {
      const given = chosen.map((i) => cotangents[i]!);
      const flowing = arrays
        .map((_, i) => i)
        .filter((i) => isFloat(arrays[i]!.dtype) && !withoutFlow[op.name]?.includes(i));
      const gradients = evaluateFunction(
        (...all) => {
          const inputs = all.slice(0, arrays.length);
          const since = inputs.length + given.length;
          const results = forward(...inputs);
          const flow = results.map((result, i) => {
            const at = chosen.indexOf(i);
            return at < 0 ? null : castLike(all[arrays.length + at]!, result);
          });
          const found = backward(results, flow, inputs, since);
          return flowing.map(
            (i) => found[i] ?? apply(zero, [], { shape: inputs[i]!.shape, dtype: 'f64', value: 0 })[0]!,
          );
        },
        ...arrays,
        ...given,
      );
      const loss = (changed: readonly ReferenceArray[]): number => {
        const results = evaluateFunction(forward, ...changed);
        return chosen.reduce((sum, i) => {
          const finite = results[i]!.data.map((value) => (Number.isFinite(value) ? value : 0));
          return sum + dot(finite, cotangents[i]!.data);
        }, 0);
      };
      // The step of a constant function stays a constant: its difference is 0.
      const smooth = op.name !== 'stopGradient' && !(op.name === 'cast' && attributes.dtype === 'i32');
      flowing.forEach((i, at) => {
        const expected = arrays[i]!.data.map((_, element) => (smooth ? difference(loss, arrays, i, element) : 0));
        closeTo(gradients[at]!.data, expected, 2e-7);
      });
    }
  });

  it('of a step function and of stopGradient is zero', () => {
    for (const name of ['floor', 'stopGradient']) {
      const op = allOps.find((candidate) => candidate.name === name)!;
      const found: unknown[] = [];
      evaluateFunction(
        (input) => {
          const results = apply(op, [input!], {});
          found.push(...backward(results, results, [input!], 1));
          return [];
        },
        array([0.5]),
      );
      expect(found).toEqual([null]);
    }
  });
});

const zero = allOps.find(({ name }) => name === 'constant')!;
const castOp = allOps.find(({ name }) => name === 'cast')!;

const castLike = (value: Tensor, like: Tensor): Tensor =>
  value.dtype === like.dtype ? value : apply(castOp, [value], { dtype: like.dtype })[0]!;

const difference = (
  loss: (arrays: readonly ReferenceArray[]) => number,
  arrays: readonly ReferenceArray[],
  at: number,
  element: number,
): number => {
  const step = 1e-5;
  const moved = (by: number): number => {
    const own = arrays[at]!;
    const data = own.data.slice();
    data[element]! += by;
    return loss(arrays.map((other, i) => (i === at ? { ...own, data } : other)));
  };
  return (moved(step) - moved(-step)) / (2 * step);
};

describe('a wrong operand', () => {
  const wrong: [name: string, operands: Operand[], attributes?: Attributes][] = [
    ['add', [x(2, 3), x(2)]],
    ['add', [x(2), f32(0, 1, 2)]],
    ['div', [index(9, 2), index(9, 2)]],
    ['exp', [index(9, 2)]],
    ['select', [x(2), x(2), x(2)]],
    ['bitAnd', [x(2), x(2)]],
    ['constant', [], { shape: [2], dtype: 'i32', value: 0.5 }],
    ['constant', [], { shape: [2], dtype: 'f32', data: Float64Array.of(1) }],
    ['sum', [x(2, 3, 4)], { axes: [1], keepDims: false }],
    ['max', [x(2, 3)], { axes: [0], keepDims: false }],
    ['max', [x(2, 0)], { axes: [1], keepDims: false }],
    ['argmax', [x()]],
    ['reshape', [x(2, 3)], { shape: [4] }],
    ['split', [x(2, 3)], { sizes: [1, 1], axis: 1 }],
    ['concat', [x(2, 3), x(3, 2)], { axis: 1 }],
    ['concat', [], { axis: 0 }],
    ['slice', [x(3)], { axis: 0, start: 2, end: 4 }],
    ['slice', [x(3)], { axis: 1, start: 0, end: 0 }],
    ['pad', [x(3)], { axis: 0, before: -1, after: 0 }],
    ['transpose', [x(2, 3)], { permutation: [0, 0] }],
    ['broadcastTo', [x(2)], { shape: [2, 3] }],
    ['matmul', [x(2, 3), x(2, 3)], shared],
    ['matmul', [x(3), x(3, 2)], shared],
    ['matmul', [x(2, 2, 3), x(4, 3, 2)], shared],
    ['convolution', [x(2, 5, 3), x(3, 2, 3)], { before: 2, after: 0, transposed: false }],
    ['convolution', [x(5, 3), x(3, 3, 2)], { before: 2, after: 0, transposed: false }],
    ['convolution', [x(2, 5, 3), x(3, 3, 2)], { before: 3, after: 0, transposed: false }],
    ['convolution', [x(3, 5, 3), x(2, 3, 3, 2)], { before: 2, after: 0, transposed: false }],
    ['convolutionGradient', [x(2, 5, 3), x(2, 4, 2)], { before: 2, after: 0, taps: 3, groups: 0 }],
    ['convolutionGradient', [x(2, 5, 3), x(2, 5, 2)], { before: 2, after: 0, taps: 3, groups: 4 }],
    ['gather', [x(4), index(4, 2)]],
    ['gather', [x(4, 2), x(2)]],
    ['scatterAdd', [index(4, 3), x(2, 2)], { rows: 4 }],
    ['takeAlong', [x(2, 3), index(3, 3, 2)]],
    ['putAlong', [index(3, 2), x(3)], { columns: 3 }],
    ['updateRows', [x(2, 4, 3), x(2, 2, 2), index(4, 2)]],
    ['attention', [x(2, 3, 2, 4), x(2, 5, 1, 4), x(2, 5, 2, 4)], flags],
    ['attention', [...qkv, x(2)], { ...flags, keyLength: true }],
    ['attention', qkv, { ...flags, chunkSize: 1.5 }],
    ['attention', qkv, { ...flags, chunkSize: 2, overlap: -1 }],
    ['rotary', [x(2, 3, 2, 3), x(1, 3, 1), x(1, 3, 1)]],
    ['randomUniform', [x(), x()], { shape: [2], stream: 0 }],
    ['sample', [f32(0, 1, 3, 4), f32(0, 1, 2), f32(0, 1, 3)]],
    ['decodeRunLength', [index(2, 8), index(2, 1)], { patches: 1, bitsPerPatch: 1 }],
    ['orthonormal', [f32(0, 1, 2, 3)]],
    ['guard', [x()], { code: 'x' }],
    ['merge', [bool(), x(2), x(3)], { block: 1 }],
  ];

  it.each(wrong)('of %s is told with the op and the shapes (%o)', (name, operands, attributes) => {
    const op = allOps.find((candidate) => candidate.name === name)!;
    const arrays = operands.map((operand, seed) => valuesOf(operand, seed));
    const attempt = (): unknown => evaluateFunction((...inputs) => apply(op, inputs, attributes ?? {}), ...arrays);
    expect(attempt).toThrow(NonetError);
    expect(attempt).toThrow(
      expect.objectContaining({ code: 'E_SHAPE', message: expect.stringContaining(`${name}: `) }),
    );
  });
});
