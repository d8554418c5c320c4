import { describe, expect, it } from 'vitest';
import { utf8Allowed, utf8Next, utf8States } from '../codec/index.js';
import { f32, i32, run } from '../nn/test-support.js';
import { constant, type Tensor } from '../tensor/index.js';
import { drawsOf, nextUtf8, onlyUtf8, sampleBits } from './sampler.js';

describe('draws', () => {
  it('are functions of seed and index in [0, 1), different for each', () => {
    const draws = [1, 2, 2 ** 40].flatMap((seed) => [0, 1, 2].flatMap((index) => drawsOf(seed, index)));
    expect(new Set(draws).size).toBe(draws.length);
    for (const draw of draws) expect(draw >= 0 && Math.fround(draw) < 1).toBe(true);
    expect(drawsOf(1, 2)).toEqual(drawsOf(1, 2));
  });

  it('spread evenly', () => {
    const mean = (which: 0 | 1) =>
      Array.from({ length: 4000 }, (_, i) => drawsOf(3, i)[which]).reduce((a, b) => a + b, 0) / 4000;
    expect(Math.abs(mean(0) - 0.5)).toBeLessThan(0.02);
    expect(Math.abs(mean(1) - 0.5)).toBeLessThan(0.02);
  });
});

describe('the UTF-8 filter', () => {
  it('leaves exactly the bytes that may follow, and moves on as the codec does', async () => {
    const states = Array.from({ length: utf8States }, (_, state) => state);
    const masked = await run((state: Tensor) => onlyUtf8(constant(-1, [utf8States, 256]), state), i32(states));
    expect([...masked.data]).toEqual(Array.from(utf8Allowed, (allowed) => (allowed ? -1 : Number.NEGATIVE_INFINITY)));
    const byte = 0xe2;
    const next = await run((state: Tensor, b: Tensor) => nextUtf8(state, b), i32(states), i32(states.map(() => byte)));
    expect([...next.data]).toEqual(states.map((state) => utf8Next[state * 256 + byte]));
  });
});

describe('drawn bits', () => {
  it('are 1 with the probability of their logit, sharpened by the temperature', async () => {
    const logits = f32([-2, 2, -2, 2, 0.1]);
    const draws = f32([0.11, 0.89, 0.13, 0.87, 0.51]);
    const bits = async (temperature: number) => [
      ...(
        await run(
          (...args: Tensor[]) => sampleBits(args[0]!, args[1]!, args[2]!),
          logits,
          draws,
          f32([temperature, 0, 1]),
        )
      ).data,
    ];
    expect(await bits(1)).toEqual([1, 0, 0, 1, 1]);
    expect(await bits(0.5)).toEqual([0, 1, 0, 1, 1]);
    expect(await bits(0)).toEqual([0, 1, 0, 1, 1]);
  });
});
