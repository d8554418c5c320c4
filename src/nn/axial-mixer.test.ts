import { describe, expect, it } from 'vitest';
import type { HostArray } from '../compile/host-array.js';
import { mul, sum, type Tensor } from '../tensor/index.js';
import { grad } from '../transform/index.js';
import { AxialMixer, axesOf } from './axial-mixer.js';
import { bind } from './module.js';
import { RootSumNorm } from './root-sum-norm.js';
import { f32, randomArray, randomParameters, run } from './test-support.js';

describe('RootSumNorm', () => {
  const x = f32([3, -4], [1, 2]);
  const weight = f32([1, 10]);

  it('divides by the root of the sum of squares', async () => {
    const layer = new RootSumNorm(2);
    const y = (await run((p, input) => bind(layer, p, () => layer.forward(input)), { weight }, x)) as HostArray;
    expect(y.data[0]).toBeCloseTo(0.6, 6);
    expect(y.data[1]).toBeCloseTo(-8, 6);
  });

  it('is followed by a leaky ReLU where a slope is given, and stays finite on zeros', async () => {
    const layer = new RootSumNorm(2, { slope: 0.01 });
    const forward = (input: HostArray) =>
      run((p, z) => bind(layer, p, () => layer.forward(z)), { weight }, input) as Promise<HostArray>;
    const y = await forward(x);
    expect(y.data[0]).toBeCloseTo(0.6, 6);
    expect(y.data[1]).toBeCloseTo(-0.08, 6);
    expect([...(await forward(f32([0, 0], [1, 2]))).data]).toEqual([0, 0]);
  });
});

describe('AxialMixer', () => {
  it('counts axes in whole numbers', () => {
    expect([axesOf(125, 5), axesOf(126, 5), axesOf(4, 4), axesOf(8, 4), axesOf(4096, 512)]).toEqual([3, 4, 1, 2, 2]);
  });

  it('is both matrices with what leads back left out, norm and activation between', async () => {
    const layer = new AxialMixer({ width: 1, length: 4, kernel: 2, axis: 1 });
    const parameters = {
      first: f32([1, 2, 99, 3], [2, 2]),
      norm: { weight: f32([5]) },
      second: f32([1, 10, 99, 100], [2, 2]),
    };
    const x = f32([1, -1, 1, 1], [1, 4, 1]);
    const y = (await run((p, z) => bind(layer, p, () => layer.forward(z)), parameters, x)) as HostArray;
    // Positions 0 and 2, 1 and 3 meet: 1 and 2 + 3, -1 and -2 + 3; of width 1 the norm leaves the sign, times 5.
    const expected = [5, -0.05, 5 * 10 + 5 * 100, -0.05 * 10 + 5 * 100];
    expected.forEach((value, i) => {
      expect(y.data[i]).toBeCloseTo(value, 4);
    });
  });

  const sizes = [4, 8, 16, 24, 44, 64].flatMap((length) =>
    [...new Set([length / 2, Math.sqrt(length), 4])]
      .filter((kernel) => Number.isInteger(kernel) && length % kernel === 0)
      .map((kernel) => [length, kernel] as const),
  );
  it.each(sizes)('of %i positions by %i never looks ahead', async (length, kernel) => {
    for (let axis = 0; axis < axesOf(length, kernel); axis++) {
      const layer = new AxialMixer({ width: 2, length, kernel, axis });
      const parameters = randomParameters(layer, length);
      const x = randomArray([1, length, 2], 9);
      for (let t = 0; t < length; t += Math.max(1, Math.floor(length / 8))) {
        const chosen = f32(
          Array.from({ length: 2 * length }, (_, i) => (i >> 1 <= t ? 1 + (i % 3) : 0)),
          [1, length, 2],
        );
        const { data } = (await run(
          (p, input, c: Tensor) => bind(layer, p, () => grad((z: Tensor) => sum(mul(layer.forward(z), c)))(input)),
          parameters,
          x,
          chosen,
        )) as HostArray;
        expect([...data.subarray(2 * (t + 1))].every((value) => Number(value) === 0)).toBe(true);
        expect([...data.subarray(0, 2 * (t + 1))].some((value) => Number(value) !== 0)).toBe(true);
      }
    }
  });

  it.each([
    [10, 4],
    [8, 1],
    [2, 4],
  ])('refuses %i positions by %i', (length, kernel) => {
    expect(() => new AxialMixer({ width: 1, length, kernel, axis: 0 })).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining('kernel') }),
    );
  });
});
