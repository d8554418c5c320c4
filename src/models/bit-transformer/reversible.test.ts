import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.js';
import { defaultExecutor } from '../../compile/default-executor.js';
import { type HostArray, hostArray, scalar } from '../../compile/host-array.js';
import { bind, initialParameters } from '../../nn/index.js';
import { add, mul, type RandomSource, sum, type Tensor } from '../../tensor/index.js';
import { type Tree, treeLeaves } from '../../tensor/tree.js';
import { couple, valueAndGrad } from '../../transform/index.js';
import type { BitTransformerOptions } from './config.js';
import { BitTransformer } from './model.js';

const shape = { dModel: 32, heads: 2, feedForward: 64, contextLength: 64 };
const random = { seed: scalar(1, 'i32'), step: scalar(0, 'i32') };
const patches = hostArray(
  Int32Array.from({ length: 4 * 65 }, (_, i) => (i * 7919) % 256),
  [4, 65],
);

const modelOf = (options: BitTransformerOptions): BitTransformer =>
  new BitTransformer({ ...shape, reversible: true, ...options });

const gradientsOf = (model: BitTransformer, loss: (x: Tensor, source: RandomSource) => Tensor) =>
  compile((parameters: Tree<Tensor>, x: Tensor, source: RandomSource) =>
    valueAndGrad((p: Tree<Tensor>) => bind(model, p, () => loss(x, source)))(parameters),
  );

const parametersOf = (model: BitTransformer) => compile((source) => initialParameters(model, source))(random);

const numbers = (tree: Tree<HostArray>): number[] =>
  treeLeaves<HostArray>(tree, (x): x is HostArray => typeof x === 'object' && x !== null && 'data' in x).flatMap(
    ({ value }) => [...(value.data as Float32Array)],
  );

const distance = (a: readonly number[], b: readonly number[]): number => {
  const norm = (x: readonly number[]): number => Math.hypot(...x);
  return norm(a.map((x, i) => x - b[i]!)) / norm(a);
};

describe('model.reversible', () => {
  it.each(['none', 'block'] as const)(
    'has the gradients of the plain network of its function, recompute %s',
    async (how) => {
      const model = modelOf({ layers: 4, recompute: how });
      const parameters = await parametersOf(model);
      // Two streams written down without anything that rebuilds them.
      const plain = gradientsOf(model, (x) => {
        const inputs = model.embed(x);
        const { rotation } = model.positions.first(65);
        const [x1, x2] = model.blocks.reduce(
          (streams, block) =>
            couple(
              (y) => block.attend(y, { rotation: rotation! }),
              (y) => block.feed(y),
              streams,
            ),
          [inputs, inputs] as readonly [Tensor, Tensor],
        );
        return sum(model.predict(meanOf(x1, x2)));
      });
      const rebuilt = gradientsOf(model, (x) => sum(model.nodesOfVectors(model.embed(x))));
      const [value, expected] = await plain(parameters, patches, random);
      const [same, got] = await rebuilt(parameters, patches, random);
      expect(same.item()).toBeCloseTo(value.item(), 6);
      expect(distance(numbers(expected), numbers(got))).toBeLessThan(1e-5);
    },
  );

  it('gives the same gradients with recompute, with dropout', async () => {
    const gradients = async (options: BitTransformerOptions) => {
      const model = modelOf({ layers: 3, dropout: 0.1, ...options });
      const f = gradientsOf(model, (x, source) => model.loss(x, { random: source }));
      return numbers((await f(await parametersOf(model), patches, random))[1]);
    };
    expect(await gradients({ recompute: 'block' })).toEqual(await gradients({}));
  });

  it.skipIf(defaultExecutor().name !== 'native')('plans activations that do not grow with the layers', async () => {
    const bytes = async (layers: number): Promise<number> => {
      const model = modelOf({ layers, dropout: 0.1 });
      const f = gradientsOf(model, (x, source) => model.loss(x, { random: source }));
      return f.plan(await parametersOf(model), patches, random).arenaBytes;
    };
    expect(await bytes(64)).toBeLessThanOrEqual(1.1 * (await bytes(8)));
  });
});

describe('reconstructionError', () => {
  it('is the rounding of the sums, and grows with what the layers add', async () => {
    const model = modelOf({ layers: 6 });
    const inputs = hostArray((patches.data as Int32Array).slice(0, 64), [1, 64]);
    const errorOf = compile((p: Tree<Tensor>, x: Tensor) => bind(model, p, () => model.reconstructionError(x)));
    const parameters = await parametersOf(model);
    const error = (await errorOf(parameters, inputs)).item();
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(1e-4);
  });
});

const meanOf = (a: Tensor, b: Tensor): Tensor => mul(add(a, b), 0.5);
