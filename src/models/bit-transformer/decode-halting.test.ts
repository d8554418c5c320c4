import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.js';
import { defaultExecutor } from '../../compile/default-executor.js';
import type { HostArray } from '../../compile/host-array.js';
import { ReferenceExecutor } from '../../compile/reference/executor.js';
import { State } from '../../compile/state.js';
import { bind } from '../../nn/index.js';
import { i32, randomIntegers } from '../../nn/test-support.js';
import { concat, constant, type Tensor, type Tree } from '../../tensor/index.js';
import type { BitTransformerOptions } from './config.js';
import { BitTransformer } from './model.js';
import { emptyCache, haltingParameters } from './test-support.js';

const size = { layers: 5, dModel: 32, heads: 2, feedForward: 48, contextLength: 24 } as const;
const modelOf = (options: BitTransformerOptions = {}): BitTransformer =>
  new BitTransformer({ ...size, act: true, ...options });
const engine = defaultExecutor();

/** Some positions at a time, then one by one: nodes and depths of all, and those of one pass over everything. */
const compared = (model: BitTransformer, executor = engine) =>
  compile(
    (p: Tree<Tensor>, ...parts: Tensor[]) =>
      bind(model, p, () => {
        const batch = parts[0]!.shape[0]!;
        let cache = emptyCache(model, batch, 24);
        let at = 0;
        const steps = parts.map((part) => {
          const step = model.decode(cache, part, constant(at, [batch], 'i32'));
          cache = step.cache;
          at += part.shape[1]!;
          return step;
        });
        const { nodes, pondered } = model.forward(concat(parts, 1));
        return {
          ...{ nodes, depth: pondered!.depth },
          decoded: concat(
            steps.map((step) => step.nodes),
            1,
          ),
          decodedDepth: concat(
            steps.map((step) => step.depth!),
            1,
          ),
        };
      }),
    { executor },
  );

const partsOf = (batch: number, lengths: readonly number[]): HostArray[] =>
  lengths.map((length, i) => randomIntegers([batch, length], 7 + i, 256));

const expectSame = async (
  model: BitTransformer,
  parameters: Tree<HostArray>,
  parts: readonly HostArray[],
  executor = engine,
) => {
  const { nodes, depth, decoded, decodedDepth } = await compared(model, executor)(parameters, ...parts);
  expect(decodedDepth.data).toEqual(depth.data);
  const worst = (nodes.data as Float32Array).reduce((most, x, i) => Math.max(most, Math.abs(x - decoded.data[i])), 0);
  expect(worst).toBeLessThan(1e-5);
  return new Set(depth.data as Float32Array);
};

describe('decoding of positions that halt', () => {
  it.each<[string, number, BitTransformerOptions]>([
    ['one text', 1, {}],
    ['three texts', 3, {}],
    ['two streams', 3, { reversible: true }],
    ['older parts', 3, { norm: 'layer', biases: true, activation: 'gelu', positions: 'learned' }],
    ['low-rank layers', 3, { rank: 8 }],
    ['chunks', 3, { chunkSize: 4, overlap: 2 }],
    ['experts', 3, { experts: 5, expertsPerToken: 2, biases: true }],
    ['so many texts that weights are packed', 40, { layers: 3 }],
  ])('gives the nodes of a whole pass, of which nothing is skipped: %s', async (_, batch, options) => {
    const model = modelOf(options);
    const depths = await expectSame(model, haltingParameters(model, 3), partsOf(batch, [6, 1, 1, 3, 1]));
    expect(depths.size).toBeGreaterThan(1);
  });

  it.each([
    ['at once', 30, 1],
    ['never', -30, 5],
  ])('also where all halt %s', async (_, bias, depth) => {
    const model = modelOf();
    for (const batch of [1, 2]) {
      const depths = await expectSame(model, haltingParameters(model, 3, bias), partsOf(batch, [4, 1, 1]));
      expect(depths).toEqual(new Set([depth]));
    }
  });

  it('on the reference executor', async () => {
    const model = modelOf();
    await expectSame(model, haltingParameters(model, 3), partsOf(2, [4, 1, 2]), new ReferenceExecutor());
  });

  it.skipIf(engine.name !== 'native')('reads nothing that was not computed', async () => {
    const model = modelOf();
    process.env.NONET_POISON = '1';
    try {
      await expectSame(model, haltingParameters(model, 3), partsOf(3, [6, 1, 1]));
    } finally {
      delete process.env.NONET_POISON;
    }
  });

  it.skipIf(engine.name !== 'native')('runs no product of skipped blocks but those of keys and values', async () => {
    const model = modelOf();
    const step = compile(({ parameters }: { parameters: Tree<Tensor> }, x: Tensor) =>
      bind(model, parameters, () => model.decode(emptyCache(model, 2, 24), x, constant(0, [2], 'i32')).nodes),
    );
    const productsOf = async (bias: number): Promise<number> => {
      const state = State.create(engine, { parameters: haltingParameters(model, 3, bias) });
      const { calls } = await step.profile(state, i32([1, 2], [2, 1]));
      state.free();
      return calls.filter(({ kernel, seconds }) => kernel.startsWith('gemm') && seconds > 0).length;
    };
    // Of four blocks: queries, output, two of the feed-forward part, and one that counts the running rows.
    expect((await productsOf(-30)) - (await productsOf(30))).toBe(4 * 5);
  });
});
