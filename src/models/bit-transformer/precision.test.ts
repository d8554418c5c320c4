import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.js';
import { defaultExecutor } from '../../compile/default-executor.js';
import type { Executor } from '../../compile/executor.js';
import { HostArray, scalar } from '../../compile/host-array.js';
import { ReferenceExecutor } from '../../compile/reference/executor.js';
import { addAdapters, bind } from '../../nn/index.js';
import { randomIntegers, randomParameters } from '../../nn/test-support.js';
import { type Precision, type RandomSource, type Tensor, treeLeaves, withPrecision } from '../../tensor/index.js';
import type { Tree } from '../../tensor/tree.js';
import { valueAndGrad } from '../../transform/index.js';
import type { BitTransformerOptions } from './config.js';
import { BitTransformer } from './model.js';

const native = defaultExecutor();
const small: BitTransformerOptions = { layers: 2, dModel: 32, heads: 2, feedForward: 48, contextLength: 16 };
const source = { seed: scalar(1, 'i32'), step: scalar(0, 'i32') };

interface Setting {
  readonly precision: Precision;
  readonly executor?: Executor;
  readonly optimize?: boolean;
}

const lossAndGradients = (model: BitTransformer, { precision, executor = native, optimize = true }: Setting) =>
  compile(
    (parameters: Tree<Tensor>, x: Tensor, random: RandomSource) =>
      valueAndGrad((p: Tree<Tensor>) =>
        withPrecision(precision, () => bind(model, p, () => model.loss(x, { random }))),
      )(parameters),
    { executor, optimize },
  );

const isArray = (value: unknown): value is HostArray => value instanceof HostArray;

/** All numbers of a tree of arrays, by path. */
const numbersOf = (tree: Tree<HostArray>): [path: string, data: number[]][] =>
  treeLeaves(tree, isArray).map(({ path, value }) => [path, [...value.data] as number[]]);

/** The length of the difference of two trees over that of the second. */
const distance = (a: Tree<HostArray>, b: Tree<HostArray>): number => {
  const others = new Map(numbersOf(b));
  let [off, whole] = [0, 0];
  for (const [path, data] of numbersOf(a)) {
    data.forEach((x, i) => {
      const y = others.get(path)![i]!;
      off += (x - y) ** 2;
      whole += y * y;
    });
  }
  return Math.sqrt(off / whole);
};

const cases: [string, BitTransformerOptions][] = [
  ['patches', { ...small, dropout: 0.1 }],
  ['flat bits', { ...small, preset: 'classic', feedForward: 48 }],
  ['recomputed', { ...small, recompute: 'block', dropout: 0.1 }],
  ['reversible', { ...small, reversible: true, dropout: 0.1 }],
  ['halting', { ...small, layers: 3, act: true }],
  ['halting, reversible, recomputed', { ...small, layers: 3, act: true, reversible: true, recompute: 'block' }],
  ['chunks', { ...small, chunkSize: 4, overlap: 2, activation: 'reluSquared' }],
  ['low-rank layers', { ...small, rank: 8, positions: 'learned' }],
  ['adapters', small],
];

describe.skipIf(native.name !== 'native')('bf16', () => {
  it.each(cases)('%s: near the reference, and near float32', async (name, options) => {
    const model = new BitTransformer(options);
    if (name === 'adapters') addAdapters(model, { rank: 4, alpha: 8, targets: ['qkv', 'down'] });
    const parameters = randomParameters(model, 1, 0.2);
    const patches = randomIntegers([2, 13], 3, 2 ** model.bitsPerPatch);
    const run = (setting: Setting) => lossAndGradients(model, setting)(parameters, patches, source);
    const [loss, gradients] = await run({ precision: 'bf16' });
    const [reference, referenceGradients] = await run({ precision: 'bf16', executor: new ReferenceExecutor() });
    const [exact, exactGradients] = await run({ precision: 'float32' });
    // A value near the middle of two of bf16 may be rounded either way.
    expect(Math.abs(loss.item() / reference.item() - 1)).toBeLessThan(2e-3);
    expect(distance(gradients, referenceGradients)).toBeLessThan(0.03);
    expect(Math.abs(loss.item() / exact.item() - 1)).toBeLessThan(0.01);
    expect(distance(gradients, exactGradients)).toBeLessThan(0.05);
    expect(distance(gradients, exactGradients)).toBeGreaterThan(0);
  });

  it('has the same bits without passes, and recomputed', async () => {
    const of = async (options: BitTransformerOptions, optimize: boolean) => {
      const model = new BitTransformer({ ...small, dropout: 0.1, ...options });
      const args = [randomParameters(model, 1, 0.2), randomIntegers([2, 13], 3, 256), source] as const;
      return numbersOf(await lossAndGradients(model, { precision: 'bf16', optimize })(...args));
    };
    const plain = await of({}, true);
    expect(await of({}, false)).toEqual(plain);
    expect(await of({ recompute: 'block' }, true)).toEqual(plain);
  });

  it.each<[string, BitTransformerOptions]>([
    ['patches', { bitsPerPatch: 8 }],
    ['flat bits', { bitsPerPatch: 1 }],
    ['older parts', { activation: 'gelu', norm: 'layer', positions: 'learned', biases: true }],
    ['halting', { act: true, dropout: 0.1 }],
  ])('plans at most 0.6 of the activations of float32: %s', (_, options) => {
    const size = { layers: 8, dModel: 64, heads: 2, feedForward: 256, contextLength: 256 };
    const model = new BitTransformer({ ...size, ...options });
    const args = [randomParameters(model, 1), randomIntegers([8, 257], 3, 2 ** model.bitsPerPatch), source] as const;
    const planned = (precision: Precision): number => lossAndGradients(model, { precision }).plan(...args).arenaBytes;
    expect(planned('bf16')).toBeLessThan(0.6 * planned('float32'));
  });
});
