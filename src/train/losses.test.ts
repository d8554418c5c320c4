import { describe, expect, it } from 'vitest';
import { BitTransformer } from '../models/index.js';
import { bind } from '../nn/index.js';
import { randomIntegers, randomParameters, run } from '../nn/test-support.js';
import { slice, type Tensor, type Tree } from '../tensor/index.js';
import { lossesOf } from './losses.js';

const [batch, length] = [2, 5];

describe.each([
  ['bytes', { bitsPerPatch: 8 }, false],
  ['frames with parity', { bitsPerPatch: 9 }, true],
  ['bits with parity, told apart by their places', { bitsPerPatch: 3, contextLength: 6 }, true],
] as const)('losses of %s', (_, options, parity) => {
  const model = new BitTransformer({ layers: 1, dModel: 16, heads: 2, feedForward: 16, contextLength: 5, ...options });
  const { bitsPerPatch } = model;
  const parameters = randomParameters(model, 3);
  const patches = randomIntegers([batch, length + 1], 4, 2 ** bitsPerPatch);
  const noDropout = {} as never;
  const losses = async (labelSmoothing: number): Promise<number[]> => {
    const f = (tree: Tree<Tensor>, x: Tensor) =>
      bind(model, tree, () => {
        const { minimised, shown } = lossesOf(model, x, noDropout, { parity, labelSmoothing });
        return [minimised, shown];
      });
    const [minimised, shown] = await run(f, parameters, patches);
    return [minimised.item(), shown.item()];
  };
  const costs = async (): Promise<number[]> => {
    const f = (tree: Tree<Tensor>, x: Tensor) =>
      bind(model, tree, () => model.bitCosts(slice(x, { axis: 1, end: length }), slice(x, { axis: 1, start: 1 })));
    return [...(await run(f, parameters, patches)).data];
  };
  const mean = (values: readonly number[]): number => values.reduce((total, x) => total + x, 0) / values.length;

  it('give a share of the truth to the other value of each bit, and show what there is without', async () => {
    const all = await costs();
    const isPayload = (i: number): boolean => !parity || (bitsPerPatch + (i % (length * bitsPerPatch))) % 9 !== 8;
    const smoothed = all.map((cost) => 0.9 * cost - 0.1 * Math.log(1 - Math.exp(-cost)));
    const [minimised, shown] = await losses(0.2);
    expect(minimised).toBeCloseTo(mean(smoothed), 5);
    expect(shown).toBeCloseTo(mean(all.filter((_, i) => isPayload(i))), 5);
    expect(await losses(0)).toEqual([expect.closeTo(mean(all), 5), shown]);
  });
});
