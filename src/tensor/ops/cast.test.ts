import { describe, expect, it } from 'vitest';
import type { DType } from '../types.js';
import { cast, roundToBfloat16 } from './cast.js';
import { array, evaluateFunction } from './evaluate-graph.js';

const converted = (data: readonly number[], from: DType, to: DType): number[] => [
  ...evaluateFunction((x) => [cast(x!, to)], array(data, [data.length], from))[0]!.data,
];

describe('cast', () => {
  it('rounds to the nearest bf16, ties to the even one', () => {
    const unit = 2 ** -7; // between neighbours from 1 to 2
    expect(converted([1 + unit / 2, 1 + 1.5 * unit, 1 + 0.51 * unit, -1 - 1.5 * unit], 'f32', 'bf16')).toEqual([
      1,
      1 + 2 * unit,
      1 + unit,
      -1 - 2 * unit,
    ]);
    expect(roundToBfloat16(3.4e38)).toBe(Number.POSITIVE_INFINITY);
    expect(roundToBfloat16(Number.NaN)).toBeNaN();
    expect(roundToBfloat16(Number.NEGATIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY);
  });

  it('does not round to f32: the reference keeps float64', () => {
    expect(converted([0.1], 'f64', 'f32')).toEqual([0.1]);
  });

  it('cuts floats towards zero and saturates', () => {
    expect(converted([-1.9, 1.9, 3e9, -3e9, Number.NaN], 'f32', 'i32')).toEqual([-1, 1, 2 ** 31 - 1, -(2 ** 31), 0]);
    expect(converted([-1, 255.9, 300], 'f32', 'u8')).toEqual([0, 255, 255]);
  });

  it('wraps integers into u8 and knows zero from the rest as bool', () => {
    expect(converted([-1, 257], 'i32', 'u8')).toEqual([255, 1]);
    expect(converted([0, 0.5, -2, Number.NaN], 'f64', 'bool')).toEqual([0, 1, 1, 1]);
  });

  it('leaves a tensor that has the dtype as it is', () => {
    evaluateFunction(
      (x) => {
        expect(cast(x!, 'f64')).toBe(x);
        return [];
      },
      array([1]),
    );
  });
});
