import { describe, expect, it } from 'vitest';
import { BitTransformer, createModel } from '../models/index.js';
import { parametersOf } from '../nn/index.js';
import { i32, randomParameters, run } from '../nn/test-support.js';
import { updateParameters } from '../optim/index.js';
import { mul, type Tensor, type Tree, treeLeaves, treeMap } from '../tensor/index.js';
import { isTensor } from '../transform/index.js';
import { stepOptimizer } from './optimizer.js';

const model = new BitTransformer({ preset: 'nano', layers: 2, dModel: 8, heads: 2, feedForward: 8, biases: true });

describe('train.decayNames', () => {
  /** Parameters that decay: with gradients of zero nothing else moves them. */
  const decayed = async (decayNames?: string[]): Promise<string[]> => {
    const optimizer = stepOptimizer(model, { optimizer: 'sgd', momentum: 0, weightDecay: 0.5, decayNames });
    const ratios = await run(
      (parameters: Tree<Tensor>, learningRate, step) => {
        const gradients = treeMap<Tensor, Tensor>(parameters, isTensor, (p) => mul(p, 0));
        return updateParameters(optimizer, { parameters, gradients, state: {} }, { learningRate, step }).parameters;
      },
      randomParameters(model, 3) as never,
      1,
      i32([1], []),
    );
    const before = randomParameters(model, 3);
    const leaves = (tree: unknown) =>
      treeLeaves(tree as Tree<{ data: Float32Array }>, (x): x is { data: Float32Array } => 'data' in (x as object));
    const start = new Map(leaves(before).map(({ path, value }) => [path, value.data]));
    return leaves(ratios).flatMap(({ path, value }) => (value.data[0] === start.get(path)![0] ? [] : [path]));
  };

  it('says which parameters decay, by whole parts of their paths', async () => {
    const paths = parametersOf(model).map(({ path }) => path);
    expect(await decayed(['blocks.1', 'up.bias'])).toEqual(
      paths.filter((path) => path.startsWith('blocks.1.') || path.endsWith('up.bias')),
    );
    const matrices = await decayed();
    expect(matrices).toEqual(
      parametersOf(model).flatMap(({ path, parameter }) => (parameter.weightDecay ? [path] : [])),
    );
  });

  it('knows no other names', async () => {
    expect(() => stepOptimizer(model, { decayNames: ['block'] })).toThrow(
      'train.decayNames: the model has no parameter named block; did you mean blocks?',
    );
    const olmax = createModel({ family: 'olmax', depth: 1, features: 8 });
    expect(() => stepOptimizer(olmax, { decayNames: ['output'] })).toThrow(
      /no parameter named output; the first parts of its paths are embedding, middle, blocks, projection$/,
    );
    // The rule of the reference, as docs/olmax.md has it.
    expect(() => stepOptimizer(olmax, { decayNames: ['embedding', 'projection'] })).not.toThrow();
  });
});
