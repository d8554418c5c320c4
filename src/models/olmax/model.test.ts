import { describe, expect, it } from 'vitest';
import { compile, type Result } from '../../compile/compile.js';
import { defaultExecutor } from '../../compile/default-executor.js';
import type { HostArray } from '../../compile/host-array.js';
import { hostArray } from '../../compile/host-array.js';
import { bind, parameterCount, parametersOf } from '../../nn/index.js';
import { randomIntegers, randomParameters, run } from '../../nn/test-support.js';
import type { Tensor, Tree } from '../../tensor/index.js';
import { mul, sum } from '../../tensor/index.js';
import { valueAndGrad } from '../../transform/index.js';
import { bitCosts } from '../bit-transformer/tree-head.js';
import type { OlmaxOptions } from './config.js';
import { Olmax } from './model.js';
import { tiny } from './test-support.js';

const numbers = (array: HostArray): number[] => Array.from(array.data, Number);

const variants: [string, Partial<OlmaxOptions>][] = [
  ['the defaults', {}],
  ['two devices', { devices: 2 }],
  ['four devices, pre-norm', { devices: 4, normPlacement: 'pre' }],
  ['RMSNorm behind the body, attention', { norm: 'rms', normPlacement: 'post', mixing: 'attention' }],
  ['LayerNorm, both kinds of mixing', { norm: 'layer', mixing: 'both' }],
  ['no mixing, odd number of steps', { mixing: 'none', depth: 3 }],
  ['the tree head, two devices', { head: 'tree', devices: 2 }],
];

describe.each(variants)('an olmax model with %s', (_, options) => {
  const model = new Olmax({ ...tiny, ...options });
  const parameters = randomParameters(model, 3);
  const patches = randomIntegers([2, 17], 5, 256);

  it('has the loss that its nodes, its logits and its losses tell alike', async () => {
    const told = await run(
      (p: Tree<Tensor>, x: Tensor, inputs: Tensor, targets: Tensor) =>
        bind(model, p, () => {
          const costs = bitCosts(model.forward(inputs).nodes, targets, 8);
          return { loss: model.losses(x).loss, ofNodes: mul(sum(costs), 1 / (2 * 16 * 8)) };
        }),
      parameters,
      patches,
      hostArray(
        Int32Array.from({ length: 32 }, (_, i) => Number(patches.data[Math.floor(i / 16) * 17 + (i % 16)])),
        [2, 16],
      ),
      hostArray(
        Int32Array.from({ length: 32 }, (_, i) => Number(patches.data[Math.floor(i / 16) * 17 + (i % 16) + 1])),
        [2, 16],
      ),
    );
    expect(told.ofNodes.item()).toBeCloseTo(told.loss.item(), 6);
  });

  it('has the same gradients reversible, plain and recomputed', async () => {
    const gradients = async (how: Partial<OlmaxOptions>) => {
      const own = new Olmax({ ...tiny, ...options, ...how });
      const [loss, tree] = await run(
        (p: Tree<Tensor>, x: Tensor) => valueAndGrad((q: Tree<Tensor>) => bind(own, q, () => own.losses(x).loss))(p),
        parameters,
        patches,
      );
      const leaves: number[] = [loss.item()];
      const visit = (node: unknown): void => {
        if (node && typeof node === 'object' && 'data' in node) leaves.push(...numbers(node as HostArray));
        else for (const child of Object.values(node as object)) visit(child);
      };
      visit(tree);
      return leaves;
    };
    const plain = await gradients({ reversible: false });
    expect(plain).toHaveLength(parameterCount(model) + 1);
    for (const how of [{ reversible: true }, { reversible: false, recompute: 'block' as const }]) {
      const got = await gradients(how);
      const errors = got.map((x, i) => Math.abs(x - plain[i]!) / (1e-2 + Math.abs(plain[i]!)));
      expect(Math.max(...errors)).toBeLessThan(1e-5);
    }
  });

  it('rebuilds the streams of all devices', async () => {
    const error = compile((p: Tree<Tensor>, x: Tensor) => bind(model, p, () => model.reconstructionError(x)));
    const told: Result = await error(parameters, randomIntegers([2, 16], 7, 256));
    expect(told.item()).toBeGreaterThan(0);
    expect(told.item()).toBeLessThan(1e-4);
  });

  it('gives shorter inputs what the beginning of longer ones gets', async () => {
    const logits = (length: number) =>
      run(
        (p: Tree<Tensor>, x: Tensor) => bind(model, p, () => model.logits(x)),
        parameters,
        hostArray(
          Int32Array.from({ length }, (_, i) => (i * 37) % 256),
          [1, length],
        ),
      );
    const [whole, part] = [numbers(await logits(16)), numbers(await logits(7))];
    expect(part).toEqual(whole.slice(0, part.length));
  });

  it('decodes to the same nodes, position by position and in pieces', async () => {
    const inputs = randomIntegers([2, 16], 9, 256);
    const nodes = compile((p: Tree<Tensor>, x: Tensor) => bind(model, p, () => model.forward(x).nodes));
    const expected = numbers(await nodes(parameters, inputs));
    const decode = compile((p: Tree<Tensor>, cache: Tree<Tensor>, x: Tensor, at: Tensor) =>
      bind(model, p, () => model.decode(cache, x, at)),
    );
    const zeros = Object.fromEntries(
      Object.entries(model.cacheTypes(2)).map(([key, { shape }]) => [
        key,
        hostArray(new Float32Array((shape as number[]).reduce((a, b) => a * b, 1)), shape),
      ]),
    );
    for (const pieces of [Array.from({ length: 16 }, () => 1), [5, 1, 9, 1]]) {
      let cache: Tree<HostArray> = zeros;
      let at = 0;
      for (const count of pieces) {
        const piece = Int32Array.from({ length: 2 * count }, (_, i) =>
          Number(inputs.data[Math.floor(i / count) * 16 + at + (i % count)]),
        );
        const result: Result = await decode(
          parameters,
          cache,
          hostArray(piece, [2, count]),
          hostArray(Int32Array.of(at, at)),
        );
        cache = result.cache;
        const want = (i: number): number =>
          expected[Math.floor(i / (count * 255)) * 16 * 255 + at * 255 + (i % (count * 255))]!;
        const errors = numbers(result.nodes).map((x, i) => Math.abs(x - want(i)) / (1 + Math.abs(want(i))));
        expect(Math.max(...errors)).toBeLessThan(1e-5);
        at += count;
      }
    }
  });
});

describe('parameters of an olmax model', () => {
  it('share the middle convolution, and have the factors of their taps', () => {
    const paths = parametersOf(new Olmax({ ...tiny, learningRateFactors: 'perTap' }));
    expect(paths.filter(({ path }) => path.startsWith('middle'))).toHaveLength(1);
    expect(paths.filter(({ path }) => path.includes('body.middle.'))).toHaveLength(0);
    const { learningRateScale } = paths.find(({ path }) => path.startsWith('middle'))!.parameter;
    const [old, now] = learningRateScale as readonly [number, number];
    expect(old + now).toBeCloseTo(1, 12);
    expect(old / now).toBeCloseTo(1 - 1 / 16, 12);
  });
});

describe.skipIf(defaultExecutor().name !== 'native')('a reversible olmax model', () => {
  it.each([
    ['small weights', {}],
    ['a large convolution that all depths share', { innerBottleneckFeatures: 32, innerBottleneckKernel: 25 }],
  ])('plans activations that do not grow with depth: %s', async (_, sizes) => {
    const bytes = async (depth: number): Promise<number> => {
      const model = new Olmax({ ...tiny, contextLength: 256, spatialMixingKernel: 16, ...sizes, depth });
      const f = compile((p: Tree<Tensor>, x: Tensor) =>
        valueAndGrad((q: Tree<Tensor>) => bind(model, q, () => model.losses(x).loss))(p),
      );
      return f.plan(randomParameters(model, 1), randomIntegers([16, 257], 1, 256)).arenaBytes;
    };
    expect(await bytes(64)).toBeLessThanOrEqual(1.1 * (await bytes(8)));
  });
});
