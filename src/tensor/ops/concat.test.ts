import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { elementCount } from '../types.js';
import { concat, split } from './concat.js';
import { array, evaluateFunction } from './evaluate-graph.js';
import { pad, slice } from './slice.js';

const ramp = (shape: readonly number[]) =>
  array(
    Float64Array.from({ length: elementCount(shape) }, (_, i) => i),
    shape,
  );

/** Sizes of parts, and a shape whose `axis` is their sum. */
const cut = fc
  .tuple(
    fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }),
    fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
    fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
  )
  .map(([sizes, before, after]) => ({
    sizes,
    axis: before.length,
    shape: [...before, sizes.reduce((sum, size) => sum + size, 0), ...after],
  }));

describe('split', () => {
  it('is undone by concat, along any axis', () => {
    fc.assert(
      fc.property(cut, ({ sizes, axis, shape }) => {
        const x = ramp(shape);
        const [joined, ...parts] = evaluateFunction((t) => {
          const pieces = split(t!, sizes, axis);
          return [concat(pieces, axis), ...pieces];
        }, x);
        expect(joined).toEqual(x);
        expect(parts.map((part) => part.shape[axis])).toEqual(sizes);
      }),
    );
  });

  it('cuts like slice', () => {
    fc.assert(
      fc.property(cut, ({ sizes, axis, shape }) => {
        let start = 0;
        const ranges = sizes.map((size) => {
          start += size;
          return { axis, start: start - size, end: start };
        });
        const results = evaluateFunction(
          (t) => [...split(t!, sizes, axis), ...ranges.map((at) => slice(t!, at))],
          ramp(shape),
        );
        expect(results.slice(sizes.length)).toEqual(results.slice(0, sizes.length));
      }),
    );
  });

  it('cuts into equal parts by their number, along the last axis', () => {
    const parts = evaluateFunction((x) => split(x!, 2), ramp([2, 4]));
    expect(parts).toEqual([array([0, 1, 4, 5], [2, 2]), array([2, 3, 6, 7], [2, 2])]);
    expect(() => evaluateFunction((x) => split(x!, 3), ramp([2, 4]))).toThrow(/divide into 3 equal parts/);
  });
});

describe('slice', () => {
  it('counts negative positions from the end', () => {
    const [last, inner] = evaluateFunction(
      (x) => [slice(x!, { start: -1 }), slice(x!, { start: 1, end: -1 })],
      ramp([4]),
    );
    expect([...last!.data]).toEqual([3]);
    expect([...inner!.data]).toEqual([1, 2]);
  });

  it('is undone by pad where zeros were cut off', () => {
    const [result] = evaluateFunction(
      (x) => [slice(pad(x!, { axis: 0, before: 2, after: 1 }), { axis: 0, start: 2, end: 5 })],
      ramp([3, 2]),
    );
    expect(result).toEqual(ramp([3, 2]));
  });
});
