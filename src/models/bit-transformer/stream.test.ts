import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.js';
import { HostArray } from '../../compile/host-array.js';
import { ReferenceExecutor } from '../../compile/reference/executor.js';
import { bind } from '../../nn/index.js';
import { f32, i32, randomIntegers } from '../../nn/test-support.js';
import {
  add,
  cast,
  concat,
  constant,
  mul,
  slice,
  sqrt,
  sum,
  type Tensor,
  type Tree,
  treeLeaves,
  treeMap,
} from '../../tensor/index.js';
import { valueAndGrad } from '../../transform/index.js';
import type { BitTransformerOptions } from './config.js';
import { BitTransformer } from './model.js';
import { haltingParameters, zerosOf } from './test-support.js';

const size = { layers: 4, dModel: 32, heads: 2, feedForward: 48, bitsPerPatch: 4, chunkSize: 8, overlap: 5 } as const;
const [window, windows, batch] = [16, 5, 2];
const patches = randomIntegers([batch, window * windows], 5, 16);

const streamed = (options: BitTransformerOptions = {}): BitTransformer =>
  new BitTransformer({ ...size, contextLength: window, ...options });
const whole = (options: BitTransformerOptions = {}): BitTransformer =>
  new BitTransformer({ ...size, contextLength: window * windows, ...options });

/** Nodes of all windows, one after the other; where `restart` says so a window begins a stream. */
const inWindows = (model: BitTransformer, x: Tensor, skipHalted = false, restart = -1): Tensor => {
  let carried: Tree<Tensor> = zerosOf(model.streamTypes(batch));
  const nodes = Array.from({ length: windows }, (_, i) => {
    const position = constant(i === restart ? 0 : i * window, [batch], 'i32');
    const part = slice(x, { axis: 1, start: i * window, end: (i + 1) * window });
    const result = model.forward(part, { stream: { position, carried }, skipHalted });
    carried = result.carried!;
    return result.nodes;
  });
  return concat(nodes, 1);
};

const run = (f: (x: Tensor) => Tensor, model: BitTransformer, executor?: ReferenceExecutor) =>
  compile((p: Tree<Tensor>, x: Tensor) => bind(model, p, () => f(x)), { executor });

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);

const variants: [string, BitTransformerOptions][] = [
  ['rotary', {}],
  ['sinusoidal', { positions: 'sinusoidal' }],
  ['an overlap longer than a chunk', { overlap: 13 }],
  ['an overlap of a whole chunk', { overlap: 8 }],
  ['low-rank layers, layer norm', { rank: 8, norm: 'layer', biases: true }],
  ['recomputed segments', { recompute: 'segment' }],
  ['reversible', { reversible: true }],
  ['halting', { act: true }],
  ['halting, reversible, recomputed', { act: true, reversible: true, recompute: 'block' }],
];

describe('a stream longer than the context', () => {
  it.each(variants)('has the logits of one pass over all of it: %s', async (_, options) => {
    const [model, longer] = [streamed(options), whole(options)];
    const parameters = haltingParameters(model, 3);
    const parts = await run((x) => inWindows(model, x), model)(parameters, patches);
    const once = await run((x) => longer.nodeLogits(x), longer)(parameters, patches);
    expect(worst(parts.data, once.data)).toBeLessThan(1e-5);
    if (!options.act) return;
    const skipped = await run((x) => inWindows(model, x, true), model)(parameters, patches);
    expect(worst(skipped.data, once.data)).toBeLessThan(1e-5);
  });

  it('sees beyond its window, and nothing before its start', async () => {
    const model = streamed();
    const parameters = haltingParameters(model, 3);
    const length = window * windows;
    // The same second window behind another first one.
    const others = randomIntegers([batch, length], 6, 16).data;
    const mixed = i32(
      Array.from(patches.data, (x, i) => Number(i % length < window ? others[i]! : x)),
      [batch, length],
    );
    const second = (nodes: Tensor): Tensor => slice(nodes, { axis: 1, start: window, end: 2 * window });
    const nodesOf = async (x: HostArray, restart: number): Promise<Float32Array> =>
      (await run((y) => second(inWindows(model, y, false, restart)), model)(parameters, x)).data;
    expect(worst(await nodesOf(patches, -1), await nodesOf(mixed, -1))).toBeGreaterThan(1e-3);
    const begun = await nodesOf(patches, 1);
    expect(await nodesOf(mixed, 1)).toEqual(begun);
    const alone = await run((x) => model.nodeLogits(second(x)), model)(parameters, patches);
    expect(worst(alone.data, begun)).toBeLessThan(1e-5);
  });

  /** Something of the second window's nodes and its gradients, with what the first one left held still. */
  const secondWindow =
    (model: BitTransformer) =>
    (p: Tree<Tensor>, x: Tensor, held: Tree<Tensor> = p) => {
      const partOf = (i: number): Tensor => slice(x, { axis: 1, start: i * window, end: (i + 1) * window });
      const nodesOf = (i: number, carried: Tree<Tensor>) =>
        model.forward(partOf(i), { stream: { position: constant(i * window, [batch], 'i32'), carried } });
      const { carried } = bind(model, held, () => nodesOf(0, zerosOf(model.streamTypes(batch))));
      return valueAndGrad((q: Tree<Tensor>) =>
        bind(model, q, () => {
          const { nodes } = nodesOf(1, carried!);
          return sum(cast(sqrt(add(mul(nodes, nodes), 1)), 'f64'));
        }),
      )(p);
    };

  it.each(variants)('has the gradients of the reference: %s', async (_, options) => {
    const model = streamed(options);
    const parameters = haltingParameters(model, 3);
    const f = secondWindow(model);
    const [value, native] = await compile((p, x) => f(p, x))(parameters, patches);
    const [same, expected] = await compile((p, x) => f(p, x), { executor: new ReferenceExecutor() })(
      parameters,
      patches,
    );
    expect(value.item() / same.item()).toBeCloseTo(1, 5);
    const got = new Map(treeLeaves<HostArray>(native, isArray).map((leaf) => [leaf.path, leaf.value.data]));
    for (const { path, value: array } of treeLeaves<HostArray>(expected, isArray)) {
      const scale = Math.hypot(...(array.data as Float32Array)) + 1e-2;
      expect(worst(got.get(path)!, array.data) / scale, path).toBeLessThan(1e-4);
    }
  });

  it('has the gradients that small changes show, while what is carried stands still', async () => {
    const model = streamed({ layers: 2, dModel: 8, feedForward: 12 });
    const parameters = haltingParameters(model, 3);
    const f = secondWindow(model);
    const executor = new ReferenceExecutor();
    const valueAt = compile((p, held, x) => f(p, x, held)[0], { executor });
    const [, gradients] = await compile((p, x) => f(p, x), { executor })(parameters, patches);
    const leaves = new Map(treeLeaves<HostArray>(gradients, isArray).map(({ path, value }) => [path, value.data]));
    for (const [at, i] of [
      ['blocks.0.attention.qkv.weight', 100],
      ['blocks.1.attention.qkv.weight', 150],
      ['blocks.1.attention.qkv.weight', 20],
      ['blocks.0.feedForward.up.weight', 7],
    ] as const) {
      const moved = async (by: number): Promise<number> => {
        const tree = treeMap<HostArray, HostArray>(parameters, isArray, (array, path) => {
          const values = Array.from(array.data, (x, k) => (path === at && k === i ? x + by : x));
          return f32(values, array.shape);
        });
        return (await valueAt(tree, parameters, patches)).item();
      };
      const slope = (((await moved(2 ** -9)) - (await moved(-(2 ** -9)))) / 2) * 2 ** 9;
      expect(Math.abs(slope - Number(leaves.get(at)![i])), at).toBeLessThan(1e-4 * (1 + Math.abs(slope)));
    }
  });

  it.each<[string, BitTransformerOptions, RegExp]>([
    ['without chunks', { chunkSize: 0 }, /chunkSize/],
    ['without overlap', { overlap: 0 }, /overlap/],
    ['with windows that cut chunks', { contextLength: 20 }, /multiple of model.chunkSize 8/],
    ['with learned positions', { positions: 'learned' }, /learned/],
    ['with an overlap beyond the window', { overlap: 17 }, /overlap 17/],
  ])('is refused by a model %s', (_, options, message) => {
    expect(() => streamed(options).streamTypes(1)).toThrow(message);
  });
});

const isArray = (value: unknown): value is HostArray => value instanceof HostArray;
