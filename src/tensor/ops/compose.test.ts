import { describe, expect, it } from 'vitest';
import { backward } from '../../transform/backward.js';
import type { Tensor } from '../graph.js';
import * as f from './compose.js';
import { array, evaluateFunction } from './evaluate-graph.js';

const on = (data: number[], g: (x: Tensor) => Tensor, shape = [data.length]): number[] => [
  ...evaluateFunction((x) => [g(x!)], array(data, shape))[0]!.data,
];

/** Gradient of the sum of `g`'s elements. */
const slope = (data: number[], g: (x: Tensor) => Tensor): number[] => [
  ...evaluateFunction((x) => {
    const y = g(x!);
    return [backward([y], [f.onesLike(y)], [x!], 1)[0]!];
  }, array(data))[0]!.data,
];

describe('compositions', () => {
  it.each<[name: string, g: (x: Tensor) => Tensor, expected: number[]]>([
    ['square', f.square, [4, 0, 9]],
    ['relu', f.relu, [0, 0, 3]],
    ['silu', f.silu, [-2 / (1 + Math.exp(2)), 0, 3 / (1 + Math.exp(-3))]],
    ['clamp', (x) => f.clamp(x, -1, 1), [-1, 0, 1]],
    ['sign', f.sign, [-1, 0, 1]],
    ['greater', (x) => f.greater(x, 0), [0, 0, 1]],
    ['greaterEqual', (x) => f.greaterEqual(x, 0), [0, 1, 1]],
    ['notEqual', (x) => f.notEqual(x, 0), [1, 0, 1]],
    ['logicalAnd', (x) => f.logicalAnd(f.greater(x, -1), f.greater(1, x)), [0, 1, 0]],
    ['logicalOr', (x) => f.logicalOr(f.greater(-1, x), f.greater(x, 1)), [1, 0, 1]],
    ['min', (x) => f.min(x), [-2]],
    ['zerosLike', f.zerosLike, [0, 0, 0]],
    ['onesLike', f.onesLike, [1, 1, 1]],
  ])('%s', (_, g, expected) => {
    const values = on([-2, 0, 3], g);
    expect(values.length).toBe(expected.length);
    values.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 12);
    });
  });

  it('relu has slope 0 at 0', () => {
    expect(slope([-1, 0, 2], f.relu)).toEqual([0, 0, 1]);
  });

  it('mean and variance divide by the number of elements', () => {
    expect(on([1, 2, 3, 6], (x) => f.mean(x))).toEqual([3]);
    expect(on([1, 2, 3, 6], (x) => f.variance(x))).toEqual([3.5]);
    expect(on([1, 3, 2, 6], (x) => f.variance(x, { axes: [-1] }), [2, 2])).toEqual([1, 4]);
  });
});

describe('softmax and its logarithm', () => {
  it('sum to one without overflow', () => {
    expect(on([1000, 1000], (x) => f.softmax(x))).toEqual([0.5, 0.5]);
    expect(on([1000, 1000], (x) => f.logSoftmax(x))[0]).toBeCloseTo(-Math.LN2, 12);
    expect(on([0, Math.log(3)], (x) => f.softmax(x))[1]).toBeCloseTo(0.75, 12);
  });

  it('agree with each other', () => {
    const data = [0.5, -1, 2, 0.1, 0.2, 0.3];
    const logs = on(data, (x) => f.logSoftmax(x), [2, 3]);
    on(data, (x) => f.softmax(x), [2, 3]).forEach((p, i) => {
      expect(Math.log(p)).toBeCloseTo(logs[i]!, 12);
    });
  });

  it('logSumExp of nothing but -infinity is -infinity', () => {
    const none = Number.NEGATIVE_INFINITY;
    expect(on([none, none, 0, none], (x) => f.logSumExp(x), [2, 2])).toEqual([none, 0]);
  });

  it('logSumExp has the softmax as gradient', () => {
    const data = [0.5, -1, 2];
    const expected = on(data, (x) => f.softmax(x));
    slope(data, (x) => f.logSumExp(x)).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 12);
    });
  });
});
