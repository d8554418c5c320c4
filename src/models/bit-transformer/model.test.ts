import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.js';
import { defaultExecutor } from '../../compile/default-executor.js';
import type { Executor } from '../../compile/executor.js';
import type { HostArray } from '../../compile/host-array.js';
import { ReferenceExecutor } from '../../compile/reference/executor.js';
import { bind, initialParameters } from '../../nn/index.js';
import { i32, randomArray, randomIntegers, randomParameters, run } from '../../nn/test-support.js';
import { adamW, clipByGlobalNorm, parameterRules } from '../../optim/index.js';
import {
  abs,
  add,
  constant,
  max,
  mul,
  type RandomSource,
  slice,
  sub,
  sum,
  type Tensor,
  type Tree,
  treeMap,
} from '../../tensor/index.js';
import { grad, isTensor, valueAndGrad } from '../../transform/index.js';
import type { BitTransformerOptions } from './config.js';
import { BitTransformer } from './model.js';
import { emptyCache } from './test-support.js';

const tiny: BitTransformerOptions = {
  preset: 'nano',
  bitsPerPatch: 3,
  layers: 2,
  dModel: 8,
  heads: 2,
  feedForward: 12,
  contextLength: 8,
};

/** Every option at least once, beside the preset's own choice. */
const variants: [string, BitTransformerOptions][] = [
  ['rms norm, rotary, swiglu', tiny],
  ['layer norm with biases', { ...tiny, norm: 'layer', biases: true }],
  ['sinusoidal positions', { ...tiny, positions: 'sinusoidal' }],
  ['learned positions', { ...tiny, positions: 'learned' }],
  ['gelu', { ...tiny, activation: 'gelu' }],
  ['squared relu', { ...tiny, activation: 'reluSquared', norm: 'layer' }],
  ['no final norm', { ...tiny, finalNorm: false }],
  ['tied head', { ...tiny, tiedHead: true }],
  ['dropout', { ...tiny, dropout: 0.3 }],
  ['bytes with parity', { ...tiny, bitsPerPatch: 9 }],
  ['the largest patches', { ...tiny, bitsPerPatch: 12, layers: 1 }],
  ['flat bits', { ...tiny, bitsPerPatch: 1 }],
  ['flat bits, tied head', { ...tiny, bitsPerPatch: 1, tiedHead: true }],
  ['classic', { ...tiny, preset: 'classic', bitsPerPatch: 1 }],
  ['low-rank layers', { ...tiny, rank: 3 }],
  ['reversible streams', { ...tiny, reversible: true }],
  ['reversible streams, recomputed branches', { ...tiny, reversible: true, recompute: 'block' }],
  ['halting', { ...tiny, layers: 4, act: true }],
  ['halting reversible streams', { ...tiny, layers: 4, act: true, reversible: true }],
  ['chunks, of which two blocks see all', { ...tiny, chunkSize: 3, overlap: 2 }],
];

const source = { seed: i32([1], []), step: i32([3], []) };

describe.each(variants)('a model with %s', (_, options) => {
  const model = new BitTransformer(options);
  const patchValues = 2 ** model.bitsPerPatch;
  const nodeTotal = patchValues - 1;
  const parameters = randomParameters(model, 1);
  const [batch, length] = [2, 6];
  const patches = randomIntegers([batch, length], 5, patchValues);
  const logits = (inputs: HostArray): Promise<HostArray> =>
    run((p, x) => bind(model, p, () => model.nodeLogits(x)), parameters, inputs);
  /** As in training: what is dropped depends on the place alone. */
  const trainingLogits = (executor: Executor) => {
    const f = (p: Tree<Tensor>, x: Tensor, random: RandomSource): Tensor =>
      bind(model, p, () => model.nodeLogits(x, { random }));
    const compiled = compile(f, { executor });
    return (inputs: HostArray): Promise<HostArray> => compiled(parameters, inputs, source);
  };

  it('never lets an output depend on later inputs, by gradient, and always on those before', async () => {
    const vectors = randomArray([1, length, model.config.dModel], 6);
    const weights = randomArray([nodeTotal], 7);
    const gradients: HostArray[] = await run(
      (p: Tree<Tensor>, x: Tensor, w: Tensor, random: RandomSource) =>
        bind(model, p, () =>
          Array.from({ length }, (_, t) =>
            grad((v: Tensor) => {
              const nodes = model.nodesOfVectors(v, { random });
              return sum(mul(slice(nodes, { axis: 1, start: t, end: t + 1 }), w));
            })(x),
          ),
        ),
      parameters,
      vectors,
      weights,
      source,
    );
    const width = model.config.dModel;
    gradients.forEach((gradient, t) => {
      for (let from = 0; from < length; from++) {
        const part = gradient.data.subarray(from * width, (from + 1) * width);
        const flows = part.some((value) => value !== 0);
        expect([t, from, flows]).toEqual([t, from, from <= t]);
      }
    });
  });

  it.each<[string, (inputs: HostArray) => Promise<HostArray>]>([
    ['of the reference', logits],
    ['of the usual engine in training', trainingLogits(defaultExecutor())],
  ])('never lets a flipped bit change a probability before it, bit for bit (%s)', async (_, logits) => {
    const before = await logits(patches);
    for (let bit = 0; bit < model.bitsPerPatch; bit++) {
      const flipped = i32([...patches.data], patches.shape);
      flipped.data[3]! ^= 1 << bit;
      const after = await logits(flipped);
      const own = 3 * nodeTotal;
      expect(after.data.subarray(0, own)).toEqual(before.data.subarray(0, own));
      expect(after.data.subarray(own, own + nodeTotal)).not.toEqual(before.data.subarray(own, own + nodeTotal));
      // The other sequence of the batch knows nothing of it.
      expect(after.data.subarray(length * nodeTotal)).toEqual(before.data.subarray(length * nodeTotal));
    }
  });

  it('gives the same nodes from a cache as from the whole sequence', async () => {
    const difference: HostArray = await run(
      (p: Tree<Tensor>, x: Tensor) =>
        bind(model, p, () => {
          let cache = emptyCache(model, batch, 7);
          const whole = model.nodeLogits(x);
          let worst = constant(0);
          let at = 0;
          for (const count of [3, 1, 2]) {
            const part = { axis: 1, start: at, end: at + count };
            const step = model.decode(cache, slice(x, part), constant(at, [batch], 'i32'));
            worst = add(worst, max(abs(sub(step.nodes, slice(whole, part)))));
            cache = step.cache;
            at += count;
          }
          return worst;
        }),
      parameters,
      patches,
    );
    expect(difference.item()).toBeLessThan(1e-9);
  });

  it('lets the sequences of a batch stand at different positions of the cache', async () => {
    const whole = await logits(patches);
    const position = i32([1, 4]);
    const next = i32(
      [patches.data[1]!, patches.data[2]!, patches.data[length + 4]!, patches.data[length + 5]!],
      [2, 2],
    );
    const nodes: HostArray = await run(
      (p: Tree<Tensor>, first: Tensor, x: Tensor, at: Tensor) =>
        bind(model, p, () => {
          const empty = emptyCache(model, batch, length);
          const { cache } = model.decode(empty, first, constant(0, [batch], 'i32'));
          return model.decode(cache, x, at).nodes;
        }),
      parameters,
      patches,
      next,
      position,
    );
    const rows = (from: number): number[] => [...whole.data.subarray(from * nodeTotal, (from + 2) * nodeTotal)];
    const expected = [...rows(1), ...rows(length + 4)];
    expected.forEach((value, i) => {
      expect(nodes.data[i]).toBeCloseTo(value, 5);
    });
  });

  it('starts near one half for every bit', async () => {
    const loss: HostArray = await run(
      (x: Tensor, random: RandomSource) => {
        const values = initialParameters(model, random);
        return bind(model, values, () => model.loss(x));
      },
      patches,
      source,
    );
    expect(loss.item()).toBeCloseTo(Math.LN2, model.config.tiedHead ? 1 : 6);
  });

  it('fits a tiny batch', async () => {
    const executor = new ReferenceExecutor();
    const start = await compile((random) => initialParameters(model, random), { executor })(source);
    const rules = parameterRules(model);
    const step = compile(
      (p: Tree<Tensor>, first: Tree<Tensor>, second: Tree<Tensor>, x: Tensor, t: Tensor) => {
        const [loss, raw] = valueAndGrad((q: Tree<Tensor>) => bind(model, q, () => model.loss(x)))(p);
        const { tree: gradients } = clipByGlobalNorm(raw, 1);
        const trees = { parameters: p, gradients, first, second };
        return { loss, ...adamW(trees, { learningRate: constant(0.03), step: t, ...rules }) };
      },
      { executor },
    );
    const zeros = await compile((p: Tree<Tensor>) => treeMap(p, isTensor, (x) => constant(0, x.shape)), { executor })(
      start,
    );
    let state = { parameters: start, first: zeros, second: zeros };
    const losses: number[] = [];
    for (let t = 1; t <= 50; t++) {
      const result = await step(state.parameters, state.first, state.second, patches, t);
      losses.push(result.loss.item());
      state = result;
    }
    expect(losses.at(-1)).toBeLessThan(0.7 * losses[0]!);
  });
});

describe('BitTransformer', () => {
  const model = new BitTransformer(tiny);
  const parameters = randomParameters(model, 1);

  it('has the mean cost of all predicted bits as loss', async () => {
    const patches = randomIntegers([2, 5], 5, 8);
    const { loss, costs }: Record<string, HostArray> = await run(
      (p, x) =>
        bind(model, p, () => ({
          loss: model.loss(x),
          costs: model.bitCosts(slice(x, { axis: 1, end: 4 }), slice(x, { axis: 1, start: 1 })),
        })),
      parameters,
      patches,
    );
    expect(costs!.shape).toEqual([2, 4, 3]);
    expect(loss!.item()).toBeCloseTo([...costs!.data].reduce((total, cost) => total + cost, 0) / 24, 6);
  });

  it('drops activations only with a source of random numbers, the same ones for the same source', async () => {
    const dropping = new BitTransformer({ ...tiny, dropout: 0.5 });
    const patches = randomIntegers([2, 5], 5, 8);
    const { plain, first, second }: Record<string, HostArray> = await run(
      (p, x, random) =>
        bind(dropping, p, () => ({
          plain: dropping.loss(x),
          first: dropping.loss(x, { random }),
          second: dropping.loss(x, { random: { ...random, step: add(random.step, 1) } }),
        })),
      parameters,
      patches,
      source,
    );
    const loss = (p: Tree<Tensor>, x: Tensor, random: RandomSource): Tensor =>
      bind(dropping, p, () => dropping.loss(x, { random }));
    const [again, repeated] = [
      await run(loss, parameters, patches, source),
      await run(loss, parameters, patches, source),
    ];
    expect(again.item()).toBe(repeated.item());
    expect(new Set([plain!.item(), first!.item(), second!.item()]).size).toBe(3);
  });

  it('refuses sequences beyond its context', async () => {
    const tooLong = randomIntegers([1, 9], 5, 8);
    const forward = run((p, x) => bind(model, p, () => model.nodeLogits(x)), parameters, tooLong);
    await expect(forward).rejects.toMatchObject({ code: 'E_SHAPE', message: expect.stringContaining('8') });
  });

  it('refuses a cache of another model', async () => {
    const broken = run(
      (p, x, position) => bind(model, p, () => model.decode([], x, position).nodes),
      parameters,
      randomIntegers([1, 1], 5, 8),
      i32([0]),
    );
    await expect(broken).rejects.toMatchObject({ code: 'E_TRACE', message: expect.stringContaining('cacheTypes') });
  });

  it('names its nodes by module paths', () => {
    const forward = compile((p, x) => bind(model, p, () => model.nodeLogits(x)), { executor: new ReferenceExecutor() });
    const { program } = forward.plan(parameters, randomIntegers([1, 4], 5, 8));
    const scopes = new Set(program.graph.nodes.map((node) => node.scope));
    expect(scopes).toContain('blocks.1.attention.qkv');
    expect(scopes).toContain('head');
  });
});
