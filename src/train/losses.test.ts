import { describe, expect, it } from 'vitest';
import { HostArray } from '../compile/host-array.js';
import { BitTransformer } from '../models/index.js';
import { bind } from '../nn/index.js';
import { randomIntegers, randomParameters, run } from '../nn/test-support.js';
import { add, slice, sub, type Tensor, type Tree, treeLeaves } from '../tensor/index.js';
import { grad } from '../transform/index.js';
import { lossesOf } from './losses.js';

const [batch, length] = [2, 5];
const isArray = (value: unknown): value is HostArray => value instanceof HostArray;

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

describe('the cost of pondering', () => {
  const size = { layers: 3, dModel: 16, heads: 2, feedForward: 16, contextLength: length };
  const model = new BitTransformer({ ...size, act: true });
  const parameters = randomParameters(model, 5);
  const patches = randomIntegers([batch, length + 1], 6, 256);
  const [ponderWeight, none] = [0.25, {} as never];

  it('is that of all positions alike, or with a focus that of each by a power of the probability of its patch', async () => {
    const f = (tree: Tree<Tensor>, x: Tensor) =>
      bind(model, tree, () => {
        const { pondered } = model.forward(slice(x, { axis: 1, end: length }));
        const costs = model.bitCosts(slice(x, { axis: 1, end: length }), slice(x, { axis: 1, start: 1 }));
        const cost = (ponderFocus: number): Tensor => {
          const { minimised, shown } = lossesOf(model, x, none, { ponderWeight, ponderFocus });
          return sub(minimised, shown);
        };
        return [add(pondered!.depth, pondered!.remainder), costs, cost(0), cost(2)];
      });
    const [paid, costs, alike, focused] = await run(f, parameters, patches);
    const positions = [...paid.data];
    const mean = (weightOf: (i: number) => number): number =>
      positions.reduce((sum, one, i) => sum + one * weightOf(i), 0) / positions.length;
    const nats = (i: number): number => [...costs.data].slice(8 * i, 8 * i + 8).reduce((sum, one) => sum + one, 0);
    expect(alike.item()).toBeCloseTo(ponderWeight * mean(() => 1), 5);
    expect(focused.item()).toBeCloseTo(ponderWeight * mean((i) => Math.exp(-2 * nats(i))), 5);
  });

  it('lets no gradient into the probabilities', async () => {
    const gradientsOf = (tree: Tree<Tensor>, x: Tensor) =>
      grad((p: Tree<Tensor>) =>
        bind(model, p, () => {
          const { minimised, shown } = lossesOf(model, x, none, { ponderWeight, ponderFocus: 0.1 });
          return sub(minimised, shown);
        }),
      )(tree);
    const gradients = treeLeaves(await run(gradientsOf, parameters, patches), isArray);
    const largest = (part: string): number =>
      Math.max(
        ...gradients.filter(({ path }) => path.startsWith(part)).flatMap(({ value }) => [...value.data].map(Math.abs)),
      );
    // The last block reaches that cost through the probabilities alone, the others through the remainder too.
    expect(largest('blocks.1')).toBeGreaterThan(1e-5);
    expect(largest('blocks.2')).toBeLessThan(1e-7);
  });
});
