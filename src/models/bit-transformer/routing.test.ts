import { describe, expect, it } from 'vitest';
import type { HostArray } from '../../compile/host-array.js';
import { bind } from '../../nn/index.js';
import { f32, randomIntegers, randomParameters, run } from '../../nn/test-support.js';
import { add, type Tensor, type Tree } from '../../tensor/index.js';
import { valueAndGrad } from '../../transform/index.js';
import { type BitTransformerOptions, resolveBitTransformer } from './config.js';
import { BitTransformer } from './model.js';

const [experts, layers, length] = [4, 2, 10];
const small: BitTransformerOptions = {
  ...{ layers, dModel: 16, heads: 2, feedForward: 24, contextLength: length, bitsPerPatch: 4 },
  ...{ experts, expertsPerToken: 2 },
};
const inputs = randomIntegers([2, length], 3, 16);

const routedOf = (model: BitTransformer, parameters: Tree<HostArray>, counted?: HostArray) =>
  run(
    (p, x, ...mask) => {
      const { routed } = bind(model, p, () => model.forward(x, mask.length > 0 ? { counted: mask[0] } : {}));
      return { ...routed! };
    },
    parameters,
    inputs,
    ...(counted ? [counted] : []),
  );

const kinds: [string, BitTransformerOptions][] = [
  ['plain', {}],
  ['recompute', { recompute: 'segment' }],
  ['reversible', { reversible: true }],
  ['reversible, recompute, halting', { reversible: true, recompute: 'block', act: true, layers: 3 }],
  ['soft', { softExperts: true, expertsPerToken: 1 }],
];

describe('what the gates tell', () => {
  it.each(kinds)('adds up, and its gradient is that of the losses: %s', async (_, options) => {
    const model = new BitTransformer({ ...small, ...options });
    const parameters = randomParameters(model, 5, 0.4) as Record<string, unknown>;
    const { usage, balance } = await routedOf(model, parameters as Tree<HostArray>);
    expect(usage.shape).toEqual([model.config.layers, experts]);
    for (let i = 0; i < model.config.layers; i++) {
      const row: number[] = Array.from(usage.data.slice(i * experts, (i + 1) * experts));
      expect(row.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
    }
    // Near 1 for a block: shares go the way of probabilities.
    if (!options.softExperts) expect(balance.item()).toBeGreaterThan(0.9 * model.config.layers);

    const loss = (p: Tree<Tensor>, x: Tensor): Tensor => {
      const { routed } = bind(model, p, () => model.forward(x));
      return add(routed!.balance, routed!.z);
    };
    const [value, gradient] = await run(
      (p, x) => [...valueAndGrad((q: Tree<Tensor>) => loss(q, x))(p)],
      parameters as Tree<HostArray>,
      inputs,
    );
    for (const path of ['blocks.0.attention.qkv.weight', 'blocks.1.feedForward.gate.output.weight']) {
      const at = (tree: unknown): HostArray =>
        path.split('.').reduce((node, key) => (node as Record<string, unknown>)[key], tree) as HostArray;
      const array = at(parameters);
      const before = array.data[7]!;
      const step = 1 / 1024;
      array.data[7] = before + step;
      const more = (await run(loss, parameters as Tree<HostArray>, inputs)).item();
      array.data[7] = before - step;
      const less = (await run(loss, parameters as Tree<HostArray>, inputs)).item();
      array.data[7] = before;
      expect(at(gradient).data[7]).toBeCloseTo((more - less) / (2 * step), 2);
    }
    expect(value.item()).toBeGreaterThan(0);
  });

  it('is of the positions that count', async () => {
    const model = new BitTransformer({ ...small, layers: 1 });
    const parameters = randomParameters(model, 5, 0.4);
    const mask = (first: number) =>
      f32(
        Array.from({ length: 2 * length }, (_, i) => Number(i < length) * first + Number(i >= length) * (1 - first)),
        [2, length],
      );
    const [whole, a, b] = [
      await routedOf(model, parameters),
      await routedOf(model, parameters, mask(1)),
      await routedOf(model, parameters, mask(0)),
    ];
    expect(Array.from(a.usage.data)).not.toEqual(Array.from(b.usage.data));
    for (let e = 0; e < experts; e++)
      expect((a.usage.data[e]! + b.usage.data[e]!) / 2).toBeCloseTo(whole.usage.data[e]!, 5);
  });
});

describe('a model with experts', () => {
  it('sends a position by what came before it alone', async () => {
    const model = new BitTransformer(small);
    const parameters = randomParameters(model, 5, 0.4);
    const nodes = (x: HostArray): Promise<HostArray> =>
      run((p, y) => bind(model, p, () => model.nodeLogits(y)), parameters, x);
    const before = await nodes(inputs);
    const changed = randomIntegers([2, length], 3, 16);
    const from = 6;
    for (let i = from; i < length; i++) changed.data[i] = (changed.data[i]! + 5) % 16;
    const after = await nodes(changed);
    const width = before.data.length / (2 * length);
    expect(after.data.subarray(0, from * width)).toEqual(before.data.subarray(0, from * width));
    expect(after.data.subarray(length * width)).toEqual(before.data.subarray(length * width));
    expect(after.data).not.toEqual(before.data);
  });

  it.each<[string, BitTransformerOptions]>([
    ['expertsPerToken', { experts: 2, expertsPerToken: 3 }],
    ['softExperts', { softExperts: true }],
    ['expertsPerToken', { experts: 3, softExperts: true, expertsPerToken: 2 }],
    ['gateLayers', { gateLayers: 2 }],
    ['expertsPerToken', { expertsPerToken: 2 }],
  ])('refuses what does not fit and says so: %s', (words, options) => {
    expect(() => resolveBitTransformer(options)).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining(words) }),
    );
  });
});
