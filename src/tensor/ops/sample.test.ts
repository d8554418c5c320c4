import { describe, expect, it } from 'vitest';
import { array, evaluateFunction } from './evaluate-graph.js';
import { sample } from './sample.js';

const draw = (probabilities: readonly number[], uniform: number, temperature = 1, topK = 0, topP = 1): number =>
  evaluateFunction(
    (l, u, s) => [sample(l!, u!, s!)],
    array(probabilities.map(Math.log), [1, probabilities.length], 'f32'),
    array([uniform], [1], 'f32'),
    array([temperature, topK, topP], [3], 'f32'),
  )[0]!.data[0]!;

const uniforms = [0, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 0.999_999];
const drawn = (
  ...settings: [probabilities: number[], temperature?: number, topK?: number, topP?: number]
): number[] => {
  const [probabilities, ...rest] = settings;
  return uniforms.map((uniform) => draw(probabilities, uniform, ...rest));
};

describe('sample', () => {
  it('inverts the cumulative distribution in the order of the indices', () => {
    expect(drawn([0.1, 0.6, 0.3])).toEqual([0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2]);
  });

  it('takes the first greatest at temperature 0', () => {
    expect(new Set(drawn([0.2, 0.4, 0.4], 0))).toEqual(new Set([1]));
  });

  it('sharpens below temperature 1', () => {
    // 0.2^2 : 0.8^2 = 1 : 16
    expect(draw([0.2, 0.8], 0.05, 0.5)).toBe(0);
    expect(draw([0.2, 0.8], 0.07, 0.5)).toBe(1);
  });

  it('keeps the k most probable, of equal ones the first', () => {
    expect(new Set(drawn([0.1, 0.3, 0.3, 0.3], 1, 2))).toEqual(new Set([1, 2]));
  });

  it('keeps the smallest set that reaches top-p of what top-k left', () => {
    expect(new Set(drawn([0.1, 0.5, 0.2, 0.2], 1, 0, 0.6))).toEqual(new Set([1, 2]));
    expect(new Set(drawn([0.1, 0.5, 0.2, 0.2], 1, 2, 0.6))).toEqual(new Set([1]));
    expect(new Set(drawn([0.1, 0.5, 0.2, 0.2], 1, 0, 0))).toEqual(new Set([1]));
  });

  it('never picks what has no probability', () => {
    expect(new Set(drawn([0, 0.5, 0, 0.5, 0]))).toEqual(new Set([1, 3]));
  });
});
