import { describe, expect, it } from 'vitest';
import { type Compiled, compile } from '../../compile/compile.js';
import { defaultExecutor } from '../../compile/default-executor.js';
import { asBytes, type HostArray, hostArray, scalar } from '../../compile/host-array.js';
import { bind, initialParameters } from '../../nn/index.js';
import type { RandomSource, Tensor } from '../../tensor/index.js';
import type { Tree } from '../../tensor/tree.js';
import { valueAndGrad } from '../../transform/index.js';
import type { BitTransformerOptions } from './config.js';
import { BitTransformer } from './model.js';

const shape = { dModel: 32, heads: 2, feedForward: 64, contextLength: 64, dropout: 0.1 };
const source = { seed: scalar(1, 'i32'), step: scalar(0, 'i32') };
const patches = hostArray(
  Int32Array.from({ length: 4 * 65 }, (_, i) => (i * 7919) % 256),
  [4, 65],
);

const gradients = (options: BitTransformerOptions): { f: Compiled; model: BitTransformer } => {
  const model = new BitTransformer({ ...shape, ...options });
  const f = compile((parameters: Tree<Tensor>, x: Tensor, random: RandomSource) =>
    valueAndGrad((p: Tree<Tensor>) => bind(model, p, () => model.loss(x, { random })))(parameters),
  );
  return { f, model };
};

const planOf = async (options: BitTransformerOptions) => {
  const { f, model } = gradients(options);
  const parameters = await compile((random) => initialParameters(model, random))(source);
  return { plan: f.plan(parameters, patches, source), run: () => f(parameters, patches, source) };
};

/** All numbers of a tree of arrays as bytes in hexadecimal, by path. */
const bytesOf = (tree: unknown): unknown => {
  if (typeof tree !== 'object' || tree === null) return tree;
  if ('data' in tree) return Buffer.from(asBytes((tree as HostArray).data)).toString('hex');
  return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, bytesOf(value)]));
};

describe('model.recompute', () => {
  it.each(['block', 'segment'] as const)('%s changes no bit of loss and gradients, with dropout', async (how) => {
    const plain = await planOf({ layers: 5 });
    const again = await planOf({ layers: 5, recompute: how });
    expect(bytesOf(await again.run())).toEqual(bytesOf(await plain.run()));
  });

  it.skipIf(defaultExecutor().name !== 'native')(
    'keeps memory low: segments grow with the root of the depth',
    async () => {
      const bytes = async (options: BitTransformerOptions) => (await planOf(options)).plan.arenaBytes;
      const [plain, block] = [await bytes({ layers: 16 }), await bytes({ layers: 16, recompute: 'block' })];
      expect(block).toBeLessThan(0.4 * plain);
      const [shallow, deep] = [
        await bytes({ layers: 8, recompute: 'segment' }),
        await bytes({ layers: 64, recompute: 'segment' }),
      ];
      expect(deep).toBeLessThan(4 * shallow);
    },
  );
});
