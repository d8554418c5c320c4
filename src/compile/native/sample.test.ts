import { describe, expect, it } from 'vitest';
import { bf16, type Call, f32, f64, kernel, runKernel, runOver } from '../../../native/test/assemble.js';
import { drawBy } from '../../../test/engine-support.js';
import { sample } from '../../tensor/index.js';
import { array, evaluateFunction } from '../../tensor/ops/evaluate-graph.js';
import { loadAddon, type NativeAddon } from './addon.js';

const addon = loadAddon().addon as NativeAddon;

describe('sample', () => {
  const logits = Float32Array.from([0.1, 0.4, 0.2, 0.3], Math.log);
  const draw = async (
    u: number,
    [temperature, topK, topP, typicalMass = 1, minProbability = 1, topAScale = 0, topAPower = 1]: readonly number[],
    row: Float32Array = logits,
  ) => {
    const settings = [temperature!, topK!, topP!, typicalMass, minProbability, topAScale, topAPower];
    const arrays = [row, Float32Array.of(u), Float32Array.from(settings), new Int32Array(1)];
    return (await runKernel(addon, kernel.sample, arrays, [1, row.length, row.length]))[3]![0];
  };

  it('picks by inverse CDF in the order of indices', async () => {
    const picks = await Promise.all([0, 0.09, 0.11, 0.49, 0.51, 0.69, 0.71, 0.9999].map((u) => draw(u, [1, 0, 1])));
    expect(picks).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  });

  it('takes the most probable, of equals the first, at temperature 0', async () => {
    expect(await draw(0.99, [0, 0, 1])).toBe(1);
    expect(await draw(0.99, [0, 0, 1], Float32Array.of(-1, 0, 0, 0))).toBe(1);
  });

  it('keeps the topK most probable, of equals the lower index', async () => {
    expect(await draw(0.99, [1, 1, 1])).toBe(1);
    expect([await draw(0.01, [1, 2, 1]), await draw(0.99, [1, 2, 1])]).toEqual([1, 3]);
    expect(await draw(0.999, [1, 2, 1], new Float32Array(5))).toBe(1);
  });

  it('keeps the smallest set that reaches topP', async () => {
    expect(await draw(0.99, [1, 0, 0.39])).toBe(1);
    expect([await draw(0.01, [1, 0, 0.6]), await draw(0.99, [1, 0, 0.6])]).toEqual([1, 3]);
    expect([await draw(0.01, [1, 2, 0.75]), await draw(0.99, [1, 2, 0.75])]).toEqual([1, 3]); // each looks at all four
  });

  it('sharpens with a low temperature and never picks what is impossible', async () => {
    expect(await draw(0.99, [0.02, 0, 1])).toBe(1);
    const row = Float32Array.of(Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY);
    for (const u of [0, 0.5, 0.99999994]) expect(await draw(u, [5, 0, 1], row)).toBe(1);
  });

  it('draws what the reference draws, whatever the filters', async () => {
    const draws = drawBy(3);
    const unit = (): number => draws(0, 9999) / 10000;
    for (let round = 0; round < 60; round++) {
      const size = draws(1, 300);
      const row = Float32Array.from({ length: size }, () => (unit() < 0.1 ? -Infinity : unit() * 12 - 9));
      row[draws(0, size - 1)] = 1;
      const some = (value: number, none: number): number => (unit() < 0.5 ? value : none);
      const settings = Float32Array.of(
        some(unit() * 2, 0),
        some(draws(1, size), 0),
        some(unit(), 1),
        some(unit(), 1),
        some(unit() / 4, 1),
        some(unit() * 1.2, 0),
        unit() * 3,
      );
      const uniforms = Float32Array.from({ length: 8 }, unit);
      const rows = Float32Array.from({ length: 8 * size }, (_, i) => row[i % size]!);
      const arrays = [rows, uniforms, settings, new Int32Array(8)];
      const drawn = (await runKernel(addon, kernel.sample, arrays, [8, size, size]))[3]!;
      const [expected] = evaluateFunction(
        (l, u, s) => [sample(l!, u!, s!)],
        array([...rows], [8, size], 'f32'),
        array([...uniforms], [8], 'f32'),
        array([...settings], [7], 'f32'),
      );
      expect([...drawn], `round ${round}: ${settings}`).toEqual([...expected!.data]);
    }
  });
});

describe('checkFinite', () => {
  it('ends the run at the first NaN or infinity, and not before', async () => {
    for (const [dtype, good, bad] of [
      [f32, Float32Array.of(1, 3e38), Float32Array.of(1, Number.POSITIVE_INFINITY)],
      [f64, Float64Array.of(1, 1e308), Float64Array.of(Number.NaN, 1)],
      [bf16, Uint16Array.of(0x3f80, 0x7f7f), Uint16Array.of(0x3f80, 0x7f80)],
    ] as const) {
      const call: Call = { kernel: kernel.checkFinite, operands: [[0, 0]], params: [dtype, 2, 42] };
      expect((await runOver(addon, [good], [call])).result).toMatchObject({ status: 'done', iteration: 1 });
      expect((await runOver(addon, [bad], [call])).result).toMatchObject({ status: 'notFinite', id: 42, iteration: 0 });
    }
  });
});
