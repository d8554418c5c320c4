import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.js';
import type { HostArray } from '../../compile/host-array.js';
import { ReferenceExecutor } from '../../compile/reference/executor.js';
import { bind } from '../../nn/index.js';
import { i32, randomIntegers } from '../../nn/test-support.js';
import { add, constant, mul, sqrt, sum, type Tensor, type Tree } from '../../tensor/index.js';
import { valueAndGrad } from '../../transform/index.js';
import { attentionMaps } from './attention-maps.js';
import type { BitTransformerOptions } from './config.js';
import { BitTransformer } from './model.js';
import { haltingParameters, zerosOf } from './test-support.js';

const size = { layers: 3, dModel: 32, heads: 2, feedForward: 48, bitsPerPatch: 4, contextLength: 24 } as const;
const length = 20;
const inputs = randomIntegers([2, length], 5, 16);
/** The same but for the patch at one position. */
const changedAt = (position: number): HostArray =>
  i32(
    Array.from(inputs.data, (x, i) => (i % length === position ? (Number(x) + 3) % 16 : Number(x))),
    inputs.shape,
  );

describe.each<[string, BitTransformerOptions]>([
  ['all positions', {}],
  ['chunks', { chunkSize: 8, overlap: 5 }],
  ['chunks, halting, reversible', { chunkSize: 8, overlap: 5, act: true, reversible: true }],
  ['halting', { act: true }],
  ['recomputed segments', { recompute: 'segment' }],
  ['reversible, recomputed', { reversible: true, recompute: 'block' }],
  ['sinusoidal positions', { positions: 'sinusoidal', norm: 'layer', biases: true }],
])('a model of %s at call time', (_, options) => {
  const model = new BitTransformer({ ...size, ...options });
  const parameters = haltingParameters(model, 3);
  const nodesOf = (causal?: boolean, skipHalted?: boolean) =>
    compile((p: Tree<Tensor>, x: Tensor) => bind(model, p, () => model.nodeLogits(x, { causal, skipHalted })));
  /** Positions whose nodes differ. */
  const differing = (a: Float32Array, b: Float32Array): Set<number> =>
    new Set(Array.from(a, (x, i) => (x === b[i] ? -1 : Math.floor(i / 15) % length)).filter((at) => at >= 0));

  it('looks at later patches with causal false alone', async () => {
    const [forwards, both] = [nodesOf(true), nodesOf(false)];
    const before = await forwards(parameters, inputs);
    expect((await nodesOf()(parameters, inputs)).data).toEqual(before.data);
    for (const position of [5, 12, 19]) {
      const changed = differing(before.data, (await forwards(parameters, changedAt(position))).data);
      expect(Math.min(...changed)).toBe(position);
      const all = differing((await both(parameters, inputs)).data, (await both(parameters, changedAt(position))).data);
      expect(Math.min(...all)).toBeLessThan(position);
    }
  });

  it('has nodes and gradients of the reference either way', async () => {
    const f = (p: Tree<Tensor>, x: Tensor) =>
      valueAndGrad((q: Tree<Tensor>) =>
        bind(model, q, () => {
          const nodes = model.nodeLogits(x, { causal: false });
          return sum(sqrt(add(mul(nodes, nodes), 1)));
        }),
      )(p);
    const [value, native] = await compile(f)(parameters, inputs);
    const [same, expected] = await compile(f, { executor: new ReferenceExecutor() })(parameters, inputs);
    expect(value.item() / same.item()).toBeCloseTo(1, 5);
    const weights = (tree: { blocks: { attention: { qkv: { weight: HostArray } } }[] }) =>
      tree.blocks[0]!.attention.qkv.weight.data as Float32Array;
    const scale = Math.hypot(...weights(expected));
    weights(native).forEach((x, i) => {
      expect(Math.abs(x - weights(expected)[i]!) / scale).toBeLessThan(1e-4);
    });
  });

  it('tells maps of both directions', async () => {
    const maps = await compile((p: Tree<Tensor>, x: Tensor) =>
      bind(model, p, () => attentionMaps(model, x, { causal: false })),
    )(parameters, inputs);
    const { chunkSize, overlap } = model.config;
    const seen = Array.from(maps[0].data.subarray(0, length * length) as Float32Array, (weight) => weight > 0);
    const begin = (t: number): number => Math.floor(t / chunkSize) * chunkSize;
    const expected = (t: number, key: number): boolean =>
      chunkSize === 0 || (key >= begin(t) - overlap && key < begin(t) + chunkSize + overlap);
    expect(seen).toEqual(seen.map((_, i) => expected(Math.floor(i / length), i % length)));
  });

  it.skipIf(!options.act)('skips halted positions to the same nodes', async () => {
    const masked = await nodesOf(false)(parameters, inputs);
    const skipped = await nodesOf(false, true)(parameters, inputs);
    masked.data.forEach((x: number, i: number) => {
      expect(Math.abs(x - skipped.data[i])).toBeLessThan(1e-5);
    });
  });
});

describe('causal: false', () => {
  it('is refused for a stream, of which nothing later is there', () => {
    const model = new BitTransformer({ ...size, chunkSize: 8, overlap: 5 });
    const window = (p: Tree<Tensor>, x: Tensor) =>
      bind(model, p, () => {
        const stream = { position: constant(0, [2], 'i32'), carried: zerosOf(model.streamTypes(2)) };
        return model.nodeLogits(x, { causal: false, stream });
      });
    const whole = randomIntegers([2, 24], 5, 16);
    return expect(compile(window)(haltingParameters(model, 3), whole)).rejects.toMatchObject({ code: 'E_CONFIG' });
  });
});
