import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.js';
import { defaultExecutor } from '../../compile/default-executor.js';
import { HostArray } from '../../compile/host-array.js';
import { ReferenceExecutor } from '../../compile/reference/executor.js';
import { bind } from '../../nn/index.js';
import { randomIntegers, randomParameters } from '../../nn/test-support.js';
import { constant, elementCount, reshape, slice, type Tensor, type Tree, treeLeaves } from '../../tensor/index.js';
import { valueAndGrad } from '../../transform/index.js';
import { attentionEntropies, attentionMaps } from './attention-maps.js';
import type { BitTransformerOptions } from './config.js';
import { BitTransformer } from './model.js';
import { emptyCache } from './test-support.js';

const small: BitTransformerOptions = { layers: 2, dModel: 64, heads: 2, feedForward: 96, contextLength: 16 };
const older = { norm: 'layer', biases: true, activation: 'gelu', positions: 'sinusoidal' } as const;
const executor = defaultExecutor();

const isArray = (value: unknown): value is HostArray => value instanceof HostArray;

/** Leaves by path, so that a failure names the tensor. */
const differences = (a: Tree<HostArray>, b: Tree<HostArray>): [path: string, greatest: number][] => {
  const others = new Map(treeLeaves(b, isArray).map(({ path, value }) => [path, value.data]));
  return treeLeaves(a, isArray).map(({ path, value }) => {
    const other = others.get(path)!;
    return [path, Math.max(...Array.from(value.data, (x, i) => Math.abs(x - other[i]!)))];
  });
};

describe.skipIf(executor.name !== 'native').each<[string, BitTransformerOptions]>([
  ['nano', small],
  ['tied head and older parts', { ...small, ...older, tiedHead: true }],
  [
    'learned positions, squared relu, 9 bits',
    { ...small, positions: 'learned', activation: 'reluSquared', bitsPerPatch: 9 },
  ],
  ['classic', { ...small, preset: 'classic' }],
  ['low-rank layers', { ...small, rank: 8 }],
  ['reversible', { ...small, reversible: true }],
  ['halting', { ...small, layers: 4, act: true }],
  ['halting, reversible', { ...small, layers: 4, act: true, reversible: true }],
  ['experts', { ...small, experts: 4 }],
  [
    'two experts of each, reversible, halting',
    { ...small, ...older, experts: 5, expertsPerToken: 2, gateLayers: 2, layers: 3, act: true, reversible: true },
  ],
  ['a soft mixture of experts', { ...small, experts: 3, softExperts: true }],
  ['chunks', { ...small, chunkSize: 4, overlap: 2 }],
])('the native engine runs %s', (_, options) => {
  const model = new BitTransformer(options);
  const parameters = randomParameters(model, 1, 0.1);
  const [batch, length] = [2, 12];
  const patches = randomIntegers([batch, length + 1], 3, 2 ** model.bitsPerPatch);
  const close = async (f: (p: Tree<Tensor>, x: Tensor) => Tree<Tensor>, tolerance: number): Promise<void> => {
    const native = await compile(f, { executor })(parameters, patches);
    const reference = await compile(f, { executor: new ReferenceExecutor() })(parameters, patches);
    expect(differences(native, reference).filter(([, difference]) => !(difference < tolerance))).toEqual([]);
  };

  it('to the probabilities of the reference', async () => {
    await close((p, x) => {
      const nodes = bind(model, p, () => model.nodeLogits(slice(x, { axis: 1, end: length })));
      const width = nodes.shape[2]!;
      return { nodes, leaves: model.leafLogProbabilities(reshape(nodes, [elementCount(nodes.shape) / width, width])) };
    }, 1e-5);
  });

  it('to the loss and gradients of the reference', async () => {
    const loss = (p: Tree<Tensor>, x: Tensor): Tensor => bind(model, p, () => model.loss(x));
    await close((p, x) => valueAndGrad(loss)(p, x), 1e-6);
  });

  it('to the same attention, whose entropy is that of its map', async () => {
    const look = (p: Tree<Tensor>, x: Tensor) =>
      bind(model, p, () => ({ maps: attentionMaps(model, x), entropies: attentionEntropies(model, x) }));
    const inputs = (x: Tensor): Tensor => slice(x, { axis: 1, end: length });
    await close((p, x) => look(p, inputs(x)), 1e-5);
    const { maps, entropies } = await compile((p, x) => look(p, inputs(x)), { executor })(parameters, patches);
    const { chunkSize, overlap } = model.config;
    for (const block of [0, 1]) {
      Array.from(entropies[block].data as Float32Array).forEach((entropy, row) => {
        const weights = Array.from(maps[block].data.subarray(row * length, (row + 1) * length) as Float32Array);
        expect(weights.reduce((total, w) => (w > 0 ? total - w * Math.log(w) : total), 0)).toBeCloseTo(entropy, 5);
        const query = row % length;
        const begin = chunkSize > 0 ? Math.floor(query / chunkSize) * chunkSize - overlap : 0;
        expect(weights.map((w) => w > 0)).toEqual(weights.map((_, key) => key >= begin && key <= query));
      });
    }
  });

  it('to the same nodes from a cache', async () => {
    await close((p, x) => {
      let cache = emptyCache(model, batch, length);
      let at = 0;
      return [5, 1, 1, 3].map((count) => {
        const part = slice(x, { axis: 1, start: at, end: at + count });
        const step = bind(model, p, () => model.decode(cache, part, constant(at, [batch], 'i32')));
        cache = step.cache;
        at += count;
        return step.nodes;
      });
    }, 1e-5);
  });
});
