import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { hostArray } from '../compile/host-array.js';
import { State } from '../compile/state.js';
import { memoryStore } from '../data/index.js';
import { haltingParameters } from '../models/bit-transformer/test-support.js';
import { BitTransformer, type BitTransformerOptions } from '../models/index.js';
import { bind, joinParameters, type ParameterState } from '../nn/index.js';
import { randomIntegers } from '../nn/test-support.js';
import type { Tensor } from '../tensor/index.js';
import { haltProbs } from './halt-probs.js';
import { createScorer } from './score.js';

const size = { layers: 5, dModel: 32, heads: 2, feedForward: 48, contextLength: 40, act: true } as const;
const engine = defaultExecutor();
const made = (options: BitTransformerOptions = {}, bias?: number) => {
  const model = new BitTransformer({ ...size, ...options });
  return { model, state: State.create(engine, { parameters: haltingParameters(model, 3, bias) }) };
};
const bytes = memoryStore(Uint8Array.from(randomIntegers([301], 3, 256).data));

describe('scoring of a model that halts', () => {
  it.each<[string, number, number, BitTransformerOptions]>([
    ['one row', 1, 7, {}],
    ['many rows', 9, 40, {}],
    ['chunks', 3, 37, { chunkSize: 8, overlap: 5 }],
    ['two streams', 4, 33, { reversible: true, recompute: 'block' }],
    ['older parts', 3, 20, { norm: 'layer', biases: true, positions: 'learned', activation: 'gelu' }],
  ])('skips halted positions to the logits of a pass that skips nothing: %s', async (_, rows, length, options) => {
    for (const bias of [undefined, 30, -30]) {
      const { model, state } = made(options, bias);
      const forward = (skipHalted: boolean) =>
        compile((from: ParameterState, x: Tensor) =>
          bind(model, joinParameters(from), () => {
            const { nodes, pondered } = model.forward(x, { skipHalted });
            return { nodes, depth: pondered!.depth };
          }),
        );
      const inputs = randomIntegers([rows, length], 5, 256);
      const [masked, skipped] = [await forward(false)(state, inputs), await forward(true)(state, inputs)];
      expect(skipped.depth.data).toEqual(masked.depth.data);
      const worst = masked.nodes.data.reduce(
        (most: number, x: number, i: number) => Math.max(most, Math.abs(x - skipped.nodes.data[i])),
        0,
      );
      expect(worst).toBeLessThan(1e-5);
      state.free();
    }
  });

  it.skipIf(engine.name !== 'native')('runs fewer products where all have halted', async () => {
    const productsOf = async (bias: number): Promise<number> => {
      const { model, state } = made({}, bias);
      const step = compile((from: ParameterState, x: Tensor) =>
        bind(model, joinParameters(from), () => model.nodeLogits(x, { skipHalted: true })),
      );
      const { calls } = await step.profile(state, randomIntegers([2, 40], 5, 256));
      state.free();
      return calls.filter(({ kernel, seconds }) => kernel.startsWith('gemm') && seconds > 0).length;
    };
    // Of four blocks: queries, output, two of the feed-forward part, and one that counts the running rows.
    expect((await productsOf(-30)) - (await productsOf(30))).toBe(4 * 5);
  });

  it('tells how much of the probability is given out behind each layer, as far as any position went', async () => {
    const patches = Int32Array.from(randomIntegers([2, 20], 5, 256).data);
    const { model, state } = made();
    const probs = await haltProbs(model, state, patches, 20);
    expect(probs.map(({ shape }) => shape)).toEqual(Array.from({ length: 5 }, () => [2, 20]));
    for (let i = 0; i < 40; i++) {
      const sums = probs.map(({ data }) => Number(data[i]));
      sums.slice(1).forEach((sum, layer) => {
        expect(sum).toBeGreaterThanOrEqual(sums[layer]!);
      });
      expect(sums.at(-1)).toBe(1);
      expect(sums[0]).toBeGreaterThan(0);
    }
    state.free();
    const early = made({}, 30);
    expect(await haltProbs(early.model, early.state, patches, 20)).toHaveLength(1);
    early.state.free();
    await expect(haltProbs(model, state, patches, 15)).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: expect.stringContaining('40 patches are no rows of 15'),
    });
    const plain = new BitTransformer({ ...size, act: false });
    await expect(haltProbs(plain, state, patches, 20)).rejects.toMatchObject({ code: 'E_CONFIG' });
  });

  it('has the mean of these, and of the depths, in its figures', async () => {
    const { model, state } = made();
    const score = await createScorer(model)(state, bytes, { parity: false });
    expect(score.haltProbs).toHaveLength(5);
    expect(score.haltProbs!.at(-1)).toBe(1);
    const depth = compile((from: ParameterState, x: Tensor) =>
      bind(model, joinParameters(from), () => model.forward(x).pondered!.depth),
    );
    // 300 targets in windows of 40: the last one is half empty.
    let sum = 0;
    for (let at = 0; at < 300; at += 40) {
      const window = Int32Array.from({ length: 40 }, (_, i) => bytes.read(0, 301)[at + i] ?? 0);
      const { data } = await depth(state, hostArray(window, [1, 40]));
      for (let i = 0; i < Math.min(40, 300 - at); i++) sum += data[i];
    }
    expect(score.meanDepth).toBeCloseTo(sum / 300, 6);
    state.free();
  });
});
