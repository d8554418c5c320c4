import { describe, expect, it } from 'vitest';
import { array, evaluateFunction } from './evaluate-graph.js';
import { rotary } from './rotary.js';

const angles = [0.3, 1.1]; // of the two pairs of a head
const tables = (data: number[], lengths: number[]) =>
  [Math.cos, Math.sin].map((f) =>
    array(
      lengths.flatMap((position) => data.map((angle) => f(angle * position))),
      [1, lengths.length, data.length],
    ),
  );
const rotated = (x: number[], position: number) =>
  evaluateFunction((t, cos, sin) => [rotary(t!, cos!, sin!)], array(x, [1, 1, 1, 4]), ...tables(angles, [position]))[0]!
    .data;

describe('rotary', () => {
  it('turns the pairs (i, i + half) by their angle', () => {
    const result = rotated([1, 0, 0, 2], 1);
    const expected = [Math.cos(0.3), -2 * Math.sin(1.1), Math.sin(0.3), 2 * Math.cos(1.1)];
    result.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 12);
    });
  });

  it('makes products of queries and keys depend on their distance alone', () => {
    const [q, k] = [
      [1, 2, -1, 0.5],
      [0.3, -2, 1, 1],
    ];
    const score = (i: number, j: number) => {
      const key = rotated(k!, j);
      return rotated(q!, i).reduce((sum, value, at) => sum + value * key[at]!, 0);
    };
    expect(score(7, 4)).toBeCloseTo(score(3, 0), 12);
    expect(score(7, 4)).not.toBeCloseTo(score(4, 0), 3);
  });

  it('uses the tables of each batch entry where they have a batch axis', () => {
    const x = array([1, 2, 3, 4, 1, 2, 3, 4], [2, 1, 1, 4]);
    const [cos, sin] = tables(angles, [0, 5]).map((table) => ({ ...table, shape: [2, 1, 2] }));
    const [result] = evaluateFunction((t, c, s) => [rotary(t!, c!, s!)], x, cos!, sin!);
    expect([...result!.data]).toEqual([1, 2, 3, 4, ...rotated([1, 2, 3, 4], 5)]);
  });
});
