import { describe, expect, it } from 'vitest';
import { threefry2x32 } from '../../core/random.js';
import { dropout } from './compose.js';
import { array, evaluateFunction } from './evaluate-graph.js';
import { randomNormal, randomUniform } from './random.js';

const scalar = (value: number) => array([value], [], 'i32');
const draw = (seed: number, step: number, f: typeof randomUniform, count = 1000) =>
  evaluateFunction((s, t) => [f({ seed: s!, step: t! }, [count])], scalar(seed), scalar(step))[0]!.data;
const mean = (data: Float64Array) => data.reduce((sum, value) => sum + value, 0) / data.length;

describe('random numbers', () => {
  it('come from threefry with key (seed, step) and counter (position, stream)', () => {
    const uniform = draw(5, 9, randomUniform, 3);
    expect([...uniform]).toEqual([0, 1, 2].map((i) => (threefry2x32(5, 9, i, 0)[0] >>> 8) / 2 ** 24));
    const [word0, word1] = threefry2x32(5, 9, 2, 0);
    const radius = Math.sqrt(-2 * Math.log(((word0 >>> 8) + 1) / 2 ** 24));
    expect(draw(5, 9, randomNormal, 3)[2]).toBeCloseTo(radius * Math.cos((2 * Math.PI * (word1 >>> 8)) / 2 ** 24), 12);
  });

  it('differ by seed, step and stream, and by nothing else', () => {
    const first = draw(1, 2, randomUniform);
    expect(draw(1, 2, randomUniform)).toEqual(first);
    expect(draw(2, 2, randomUniform)).not.toEqual(first);
    expect(draw(1, 3, randomUniform)).not.toEqual(first);
    const [a, b] = evaluateFunction(
      (seed, step) => [
        randomUniform({ seed: seed!, step: step! }, [9]),
        randomUniform({ seed: seed!, step: step! }, [9]),
      ],
      scalar(1),
      scalar(2),
    );
    expect(a!.data).not.toEqual(b!.data);
  });

  it('have the mean and variance of their distribution', () => {
    const uniform = draw(3, 4, randomUniform, 10_000);
    expect(mean(uniform)).toBeCloseTo(0.5, 1);
    expect(uniform.every((value) => value >= 0 && value < 1)).toBe(true);
    const normal = draw(3, 4, randomNormal, 10_000);
    expect(Math.abs(mean(normal))).toBeLessThan(0.04);
    expect(Math.abs(mean(normal.map((value) => value * value)) - 1)).toBeLessThan(0.06);
  });
});

describe('dropout', () => {
  const dropped = (rate: number) =>
    evaluateFunction(
      (x, seed, step) => [dropout(x!, rate, { seed: seed!, step: step! })],
      array(new Float64Array(10_000).fill(1)),
      scalar(1),
      scalar(2),
    )[0]!.data;

  it('zeroes the given share and scales the rest to keep the mean', () => {
    const result = dropped(0.2);
    expect(new Set(result)).toEqual(new Set([0, 1.25]));
    expect(Math.abs(mean(result) - 1)).toBeLessThan(0.02);
  });

  it('does nothing at rate 0 and refuses rate 1', () => {
    expect(new Set(dropped(0))).toEqual(new Set([1]));
    expect(() => dropped(1)).toThrow(/dropout: the rate must be from 0 up to 1/);
  });
});
