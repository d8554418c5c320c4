import { describe, expect, it } from 'vitest';
import { compile, type Result } from '../../compile/compile.js';
import { HostArray, hostArray } from '../../compile/host-array.js';
import { ReferenceExecutor } from '../../compile/reference/executor.js';
import { nest } from '../../compile/trace.js';
import { bind, parametersOf } from '../../nn/index.js';
import { difference, rows, slicedRuns, type Weights } from '../../nn/sliced-loss-test-support.js';
import { i32, randomArray, randomIntegers, randomParameters, run } from '../../nn/test-support.js';
import { matmul, mean, mul, reshape, type Tensor, type Tree, tanh, treeLeaves } from '../../tensor/index.js';
import { grad, withSquaredGradients } from '../../transform/index.js';
import { bitCosts } from '../bit-transformer/tree-head.js';
import type { OlmaxOptions } from './config.js';
import { wideTree } from './golden-test-support.js';
import { Olmax } from './model.js';
import { tiny } from './test-support.js';
import { slicedTreeLoss } from './tree-loss.js';

const [batch, length, features, bits] = [3, 5, 4, 3];
const nodes = 2 ** bits - 1;
const f64 = ({ data, shape }: HostArray): HostArray => hostArray(Float64Array.from(data, Number), shape);
const single = { x: randomArray([batch, length, features], 1, 2), w: randomArray([features, nodes], 2, 3) };
const weights = { x: f64(single.x), w: f64(single.w) };
const targets = randomIntegers([batch, length], 3, 2 ** bits);

/** With all nodes at once. */
const plain = ({ x, w }: Weights, t: Tensor): Tensor => mul(mean(bitCosts(matmul(tanh(x), w), t, bits)), bits);

describe('slicedTreeLoss', () => {
  it.each([undefined, 4, 15])('has the loss of all bits, its gradient and squares, in slices: %s', async (slices) => {
    const { sliced, wanted } = await run(
      (p: Weights, t: Tensor) => ({
        sliced: withSquaredGradients((q: Weights) => slicedTreeLoss(tanh(q.x), q.w, t, { slices }).loss)(p),
        wanted: withSquaredGradients((q: Weights) => plain(q, t))(p),
      }),
      weights,
      targets,
    );
    expect(sliced[0].item()).toBeCloseTo(wanted[0].item(), 10);
    for (const which of [1, 2]) {
      expect(difference(sliced[which].w, wanted[which].w)).toBeLessThan(1e-10);
      expect(difference(sliced[which].x, wanted[which].x)).toBeLessThan(1e-10);
    }
  });

  it('tells the share of patches that are the most probable', async () => {
    const { accuracy, logits } = await run(
      (p: Weights, t: Tensor) => ({
        accuracy: slicedTreeLoss(p.x, p.w, t, { slices: 4 }).accuracy,
        logits: reshape(matmul(p.x, p.w), [batch * length, nodes]),
      }),
      weights,
      targets,
    );
    const probability = (row: number, patch: number): number => {
      let product = 1;
      for (let node = 0, bit = bits - 1; bit >= 0; bit--) {
        const one = 1 / (1 + Math.exp(-logits.data[row * nodes + node]));
        const isOne = (patch >> bit) & 1;
        product *= isOne ? one : 1 - one;
        node = 2 * node + 1 + isOne;
      }
      return product;
    };
    const hits = Array.from({ length: batch * length }, (_, row) => {
      const all = Array.from({ length: 2 ** bits }, (_, patch) => probability(row, patch));
      return all.indexOf(Math.max(...all)) === Number(targets.data[row]) ? 1 : 0;
    }).reduce<number>((a, b) => a + b, 0);
    expect(hits).toBeGreaterThan(0);
    expect(accuracy.item()).toBeCloseTo(hits / (batch * length), 10);
  });

  it('never holds all nodes, and gives the same on the native engine', async () => {
    const wide = 511;
    const lossOf = (p: Weights, t: Tensor, slices: number) => slicedTreeLoss(p.x, p.w, t, { slices }).loss;
    const { arena, native, reference } = await slicedRuns(lossOf, wide, { weights: single, targets });
    expect(arena(16)).toBeLessThan((rows * wide * 4) / 4);
    expect(arena(1)).toBeGreaterThan(rows * wide * 4);
    expect(native[0].item()).toBeCloseTo(reference[0].item(), 5);
    expect(difference(native[1].w, reference[1].w)).toBeLessThan(1e-5);
  });
});

describe.each([1, 2] as const)('an olmax model of %i devices with the tree head', (devices) => {
  const options: OlmaxOptions = { ...tiny, depth: 1, devices, head: 'tree' };
  const model = new Olmax(options);

  it('has 255 outputs and no z-loss', () => {
    expect(Object.values(model.projection).map(({ shape }) => shape)).toEqual(Array(devices).fill([6, 255]));
    expect(model.config.zLoss).toBe(0);
    expect(new Olmax(model.config).config).toEqual(model.config);
    expect(new Olmax(tiny).config).toMatchObject({ head: 'softmax', zLoss: 0.01 });
    expect(() => new Olmax({ ...options, zLoss: 0.01 })).toThrow(/zLoss 0.01 is of softmax, .* head tree/);
  });

  it('has the gradients that small steps of the weights show', async () => {
    // Of dtype f32, but not rounded to it: the reference computes in float64 whatever the dtype.
    const wide = (tree: Tree<HostArray>, along: string, step: number): Tree<HostArray> =>
      nest(
        treeLeaves<HostArray>(tree, isArray).map(({ path, value }) => {
          const moved = Float64Array.from(value.data, (x, i) => Number(x) + (path === along ? step * way(i) : 0));
          return [path, new HostArray(moved, value.shape, 'f32')];
        }),
      );
    const way = (i: number): number => Math.cos(i * i + 1);
    const start = randomParameters(model, 5);
    const bytes = randomIntegers([2, 17], 6, 256);
    const executor = new ReferenceExecutor();
    const loss = (p: Tree<Tensor>, x: Tensor): Tensor => bind(model, p, () => model.losses(x).loss);
    const lossOf = compile((p: Tree<Tensor>, x: Tensor) => wideTree(loss(p, x)), { executor });
    const slopes = compile((p: Tree<Tensor>, x: Tensor) => wideTree(grad((q: Tree<Tensor>) => loss(q, x))(p)), {
      executor,
    });
    const gradients = treeLeaves<HostArray>(await slopes(wide(start, '', 0), bytes), isArray);
    expect(gradients).toHaveLength(parametersOf(model).length);
    const step = 1e-5;
    for (const { path, value } of gradients) {
      const at = async (by: number): Promise<number> => (await lossOf(wide(start, path, by), bytes)).item();
      const seen = ((await at(step)) - (await at(-step))) / (2 * step);
      const told = Array.from(value.data, (slope, i) => Number(slope) * way(i)).reduce((a, b) => a + b);
      expect(Math.abs(seen - told), path).toBeLessThan(1e-7 * (1 + Math.abs(told)));
    }
  });

  it('never lets a later byte change a bit of what comes before it', async () => {
    const nodesOf = compile((p: Tree<Tensor>, x: Tensor) => bind(model, p, () => model.forward(x).nodes));
    const parameters = randomParameters(model, 7);
    const bytes = Array.from({ length: 16 }, (_, i) => (i * 53) % 256);
    const before: Result = await nodesOf(parameters, i32(bytes, [1, 16]));
    for (const at of [0, 7, 15]) {
      const other = bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
      const after: Result = await nodesOf(parameters, i32(other, [1, 16]));
      expect(after.data.slice(0, at * 255)).toEqual(before.data.slice(0, at * 255));
      expect(after.data.slice(at * 255)).not.toEqual(before.data.slice(at * 255));
    }
  });

  it('gives bytes the logarithms of probabilities', async () => {
    const logits: HostArray = await run(
      (p: Tree<Tensor>, x: Tensor) => bind(model, p, () => model.logits(x)),
      randomParameters(model, 8),
      randomIntegers([2, 9], 9, 256),
    );
    expect(logits.shape).toEqual([2, 9, 256]);
    for (let row = 0; row < 18; row++) {
      const own = Array.from(logits.data.slice(row * 256, (row + 1) * 256), Number);
      expect(own.reduce((total, value) => total + Math.exp(value), 0)).toBeCloseTo(1, 5);
    }
  });
});

const isArray = (value: unknown): value is HostArray => value instanceof HostArray;
