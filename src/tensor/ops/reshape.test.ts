import { describe, expect, it } from 'vitest';
import { array, evaluateFunction } from './evaluate-graph.js';
import { constantArray, iota } from './leaves.js';
import { expandDims, reshape } from './reshape.js';
import { transpose } from './transpose.js';

const x = array([0, 1, 2, 3, 4, 5], [2, 3]);

describe('reshape', () => {
  it('finds the one size that is -1', () => {
    const shapes = evaluateFunction((t) => [reshape(t!, [-1]), reshape(t!, [3, -1]), reshape(t!, [1, -1, 2])], x);
    expect(shapes.map(({ shape }) => shape)).toEqual([[6], [3, 2], [1, 3, 2]]);
  });

  it.each([[[-1, 4]], [[-1, -1]], [[7]]])('refuses %j for six elements', (shape) => {
    expect(() => evaluateFunction((t) => [reshape(t!, shape)], x)).toThrow(
      /reshape: .*does not hold the same 6 elements/,
    );
  });

  it('expandDims inserts an axis of size 1, counted from the front or the end', () => {
    const shapes = evaluateFunction((t) => [0, 1, 2, -1, -2].map((axis) => expandDims(t!, axis)), x);
    expect(shapes.map(({ shape }) => shape)).toEqual([
      [1, 2, 3],
      [2, 1, 3],
      [2, 3, 1],
      [2, 3, 1],
      [2, 1, 3],
    ]);
  });
});

describe('transpose', () => {
  it('exchanges the last two axes, or orders them as told', () => {
    const [plain, first] = evaluateFunction((t) => [transpose(t!), transpose(expandDims(t!, 0), [-1, 0, 1])], x);
    expect(plain).toEqual(array([0, 3, 1, 4, 2, 5], [3, 2]));
    expect(first).toEqual(array([0, 3, 1, 4, 2, 5], [3, 1, 2]));
  });

  it('makes no node when nothing moves', () => {
    evaluateFunction((t) => {
      expect(transpose(t!, [0, 1])).toBe(t);
      return [];
    }, x);
  });
});

describe('constants', () => {
  it('count, and copy the numbers they are given', () => {
    const numbers = [1, 2];
    const [counted, given] = evaluateFunction(() => {
      const made = constantArray(numbers, [2], 'f64');
      numbers[0] = 9;
      return [iota(3), made];
    });
    expect(counted).toEqual(array([0, 1, 2], [3], 'i32'));
    expect(given).toEqual(array([1, 2]));
  });
});
