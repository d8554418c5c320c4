import { describe, expect, it } from 'vitest';
import { NonetError } from '../core/errors.js';
import { add, type Tensor, type Tree } from '../tensor/index.js';
import { Adapter, addAdapters } from './adapter.js';
import { FeedForward } from './feed-forward.js';
import { Linear } from './linear.js';
import { LowRankLinear } from './low-rank.js';
import { bind, joinParameters, parameterCount, parametersOf, splitParameterTypes } from './module.js';
import { f32, randomParameters, run } from './test-support.js';

const options = { width: 4, inner: 6, activation: 'gelu', biases: true, residualDeviation: 0.02 } as const;
const targets = ['up', 'down'];

describe('addAdapters', () => {
  it('freezes what was there, and splits what a state holds', () => {
    const module = new FeedForward(options);
    expect(addAdapters(module, { rank: 2, alpha: 4, targets })).toEqual(['up', 'down']);
    const { trained, frozen } = splitParameterTypes(module);
    expect(trained).toMatchObject({
      up: { adapter: { down: { shape: [4, 2] }, up: { shape: [2, 6] } } },
      down: { adapter: { down: { shape: [6, 2] }, up: { shape: [2, 4] } } },
    });
    expect(frozen).toMatchObject({ up: { weight: { shape: [4, 6] }, bias: { shape: [6] } }, down: {} });
    expect(parametersOf(module).filter(({ parameter }) => !parameter.frozen)).toHaveLength(4);
  });

  it('refuses names that no whole linear layer has', () => {
    const refused = (module: object, names: readonly string[]) => () =>
      addAdapters(module, { rank: 2, alpha: 4, targets: names });
    expect(refused(new FeedForward(options), ['qkv'])).toThrow(NonetError);
    expect(refused(new FeedForward({ ...options, rank: 2 }), targets)).toThrow('no whole linear layer');
  });
});

describe('an adapter', () => {
  const x = f32([1, -2, 0.5, 3], [1, 4]);

  it('adds x down up alpha / rank, which is nothing at first', async () => {
    const layer = new Linear({ inputs: 4, outputs: 3 });
    const weights = randomParameters(layer, 1, 0.5);
    const plain = await run((p: Tree<Tensor>, y: Tensor) => bind(layer, p, () => layer.forward(y)), weights, x);
    addAdapters({ head: layer }, { rank: 2, alpha: 6, targets: ['head'] });
    const adapter = new Adapter([4, 3], 2, 3);
    expect(adapter.up.initializer).toEqual({ kind: 'zeros' });
    const own = randomParameters(adapter, 2, 0.5);
    const join = (p: Tree<Tensor>, a: Tree<Tensor>) =>
      joinParameters({ frozen: p, parameters: { adapter: a } as Tree<Tensor> });
    const got = await run(
      (p: Tree<Tensor>, a: Tree<Tensor>, y: Tensor) => bind(layer, join(p, a), () => layer.forward(y)),
      weights,
      own,
      x,
    );
    const expected = await run(
      (p: Tensor, a: Tree<Tensor>, y: Tensor) => bind(adapter, a, () => add(p, adapter.forward(y))),
      plain,
      own,
      x,
    );
    expect([...got.data]).toEqual([...expected.data]);
    expect([...got.data]).not.toEqual([...plain.data]);
  });
});

describe('LowRankLinear', () => {
  it('is the product of two thin matrices, spread like a whole one at first', () => {
    const layer = new LowRankLinear({ inputs: 300, outputs: 200, rank: 5, bias: false });
    expect(parameterCount(layer)).toBe(5 * 500);
    const deviation = ({ initializer }: { initializer: object }): number =>
      (initializer as { deviation: number }).deviation;
    expect(Math.sqrt(5) * deviation(layer.down) * deviation(layer.up)).toBeCloseTo(0.02, 10);
  });
});
