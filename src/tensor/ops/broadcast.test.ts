import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { elementCount } from '../types.js';
import { add } from './arithmetic.js';
import { broadcastShapes } from './broadcast.js';
import { array, evaluateFunction } from './evaluate-graph.js';
import { broadcastTo, sumTo } from './sum.js';

const count = (shape: readonly number[]) => Float64Array.from({ length: elementCount(shape) }, (_, i) => i + 1);

/** A shape, and one that broadcasts to it: axes dropped in front, others made 1. */
const shapes = fc
  .array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 })
  .chain((full) =>
    fc.tuple(fc.constant(full), fc.nat(full.length), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 })),
  )
  .map(([full, drop, ones]) => ({ full, narrow: full.slice(drop).map((size, i) => (ones[i] ? 1 : size)) }));

/** The element of `narrow` that stands at an index of `full`. */
const elementAt = (narrow: readonly number[], full: readonly number[], flat: number): number => {
  let [rest, stride, at] = [flat, 1, 0];
  for (let i = full.length - 1; i >= 0; i--) {
    const size = narrow[i - full.length + narrow.length] ?? 1;
    at += size === 1 ? 0 : (rest % full[i]!) * stride;
    stride *= size;
    rest = Math.floor(rest / full[i]!);
  }
  return at + 1;
};

describe('broadcastShapes', () => {
  it.each([
    [
      [[2, 3], [3]],
      [2, 3],
    ],
    [
      [
        [2, 1],
        [1, 4],
      ],
      [2, 4],
    ],
    [[[], [5]], [5]],
    [
      [[0, 1], [3]],
      [0, 3],
    ],
    [[[2], [3]], undefined],
    [[[0], [3]], undefined],
  ])('of %j is %j', (given, expected) => {
    expect(broadcastShapes(given)).toEqual(expected);
  });
});

describe('broadcasting', () => {
  it('repeats axes of size 1 and missing ones, whichever operand has them', () => {
    fc.assert(
      fc.property(shapes, ({ full, narrow }) => {
        const [a, b] = [array(count(full), full), array(count(narrow), narrow)];
        const expected = count(full).map((value, i) => value + elementAt(narrow, full, i));
        for (const operands of [
          [a, b],
          [b, a],
        ]) {
          const [sum] = evaluateFunction((x, y) => [add(x!, y!)], ...operands);
          expect(sum).toEqual(array(expected, full));
        }
      }),
    );
  });

  it('has sumTo as its transpose: <broadcast x, y> = <x, sumTo y>', () => {
    fc.assert(
      fc.property(shapes, ({ full, narrow }) => {
        const [x, y] = [array(count(narrow), narrow), array(count(full).reverse(), full)];
        const [wide, back] = evaluateFunction((a, b) => [broadcastTo(a!, full), sumTo(b!, narrow)], x, y);
        const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
        expect(back!.shape).toEqual(narrow);
        expect(dot(wide!.data, y.data)).toBe(dot(x.data, back!.data));
      }),
    );
  });
});
