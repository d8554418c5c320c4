import { describe, expect, it } from 'vitest';
import type { HostArray } from '../../compile/host-array.js';
import { i32, randomArray, randomIntegers, run } from '../../nn/test-support.js';
import { reshape, sum, type Tensor } from '../../tensor/index.js';
import { valueAndGrad } from '../../transform/index.js';
import { bitCosts, leafLogProbabilities, nodeCount, nodeVectors } from './tree-head.js';

const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

describe.each([1, 2, 3, 8])('the tree over patches of %d bits', (bits) => {
  const leaves = 2 ** bits;
  const nodes = randomArray([1, nodeCount(bits)], bits, 4);
  const everyPatch = i32([...Array(leaves).keys()], [1, leaves]);
  /** The same logits for every patch, [1, 2^P, 2^P - 1]. */
  const repeated = randomArray([1, leaves, nodeCount(bits)], 0);
  for (let i = 0; i < repeated.data.length; i++) repeated.data[i] = nodes.data[i % nodeCount(bits)]!;

  it('costs each bit by walking down from the root', async () => {
    const costs: HostArray = await run((n, p) => bitCosts(n, p, bits), repeated, everyPatch);
    for (let patch = 0; patch < leaves; patch++) {
      for (let depth = 0; depth < bits; depth++) {
        const prefix = patch >> (bits - depth);
        const one = sigmoid(nodes.data[2 ** depth - 1 + prefix]!);
        const bit = (patch >> (bits - 1 - depth)) & 1;
        expect(costs.data[patch * bits + depth]).toBeCloseTo(-Math.log(bit ? one : 1 - one), 5);
      }
    }
  });

  it('gives probabilities that add up to 1 and cost what the bits cost together', async () => {
    const [log, costs]: HostArray[] = await run(
      (flat, n, p) => [leafLogProbabilities(flat), sum(bitCosts(n, p, bits), { axes: [-1] })],
      nodes,
      repeated,
      everyPatch,
    );
    expect([...log!.data].reduce((total, value) => total + Math.exp(value), 0)).toBeCloseTo(1, 6);
    for (let patch = 0; patch < leaves; patch++) expect(log!.data[patch]).toBeCloseTo(-costs!.data[patch]!, 4);
  });
});

describe('bitCosts', () => {
  it('keeps the tiny cost of a bit that is all but certain', async () => {
    const logit = randomArray([1, 1, 1], 0);
    logit.data[0] = 30;
    const costs: HostArray = await run((n, p) => bitCosts(n, p, 1), logit, i32([1], [1, 1]));
    expect(costs.item() / Math.exp(-30)).toBeCloseTo(1, 5);
  });

  it('sends a gradient p - bit to the nodes on the path and to no others', async () => {
    const nodes = randomArray([1, 1, 7], 5);
    const gradient: HostArray = await run(
      (n: Tensor, p: Tensor) => valueAndGrad((z: Tensor) => sum(bitCosts(z, p, 3)))(n)[1],
      nodes,
      i32([0b101], [1, 1]),
    );
    const p = (node: number): number => sigmoid(nodes.data[node]!);
    const expected = [p(0) - 1, 0, p(2), 0, 0, p(5) - 1, 0];
    expected.forEach((value, node) => {
      expect(gradient.data[node]).toBeCloseTo(value, 5);
    });
  });
});

describe('nodeVectors', () => {
  it('are the mean of the embeddings on the right minus that on the left', async () => {
    const [bits, width] = [4, 3];
    const embeddings = randomArray([2 ** bits, width], 9);
    const vectors: HostArray = await run((e) => nodeVectors(e), embeddings);
    const mean = (from: number, size: number, column: number): number => {
      let total = 0;
      for (let row = from; row < from + size; row++) total += embeddings.data[row * width + column]!;
      return total / size;
    };
    expect(vectors.shape).toEqual([15, width]);
    for (let depth = 0; depth < bits; depth++) {
      const half = 2 ** (bits - depth - 1);
      for (let prefix = 0; prefix < 2 ** depth; prefix++) {
        for (let column = 0; column < width; column++) {
          const left = 2 * half * prefix;
          const expected = mean(left + half, half, column) - mean(left, half, column);
          expect(vectors.data[(2 ** depth - 1 + prefix) * width + column]).toBeCloseTo(expected, 6);
        }
      }
    }
  });

  it('give one vector, the difference, to a flat bit model', async () => {
    const embeddings = randomArray([2, 2], 3);
    const vectors: HostArray = await run((e) => reshape(nodeVectors(e), [2]), embeddings);
    expect(vectors.data[0]).toBeCloseTo(embeddings.data[2]! - embeddings.data[0]!, 6);
  });
});

it('a bit more or less in a patch never changes what the bits before it cost', async () => {
  const [bits, length] = [5, 6];
  const nodes = randomArray([1, length, nodeCount(bits)], 1, 3);
  const patches = randomIntegers([1, length], 2, 2 ** bits);
  const costs = (p: HostArray): Promise<HostArray> => run((n, q) => bitCosts(n, q, bits), nodes, p);
  const before = await costs(patches);
  for (let bit = 0; bit < bits; bit++) {
    const flipped = i32([...patches.data], [1, length]);
    flipped.data[3]! ^= 1 << (bits - 1 - bit);
    const after = await costs(flipped);
    const at = 3 * bits + bit;
    expect(after.data.subarray(0, at)).toEqual(before.data.subarray(0, at));
    // The flipped bit has the complementary probability.
    expect(Math.exp(-after.data[at]!) + Math.exp(-before.data[at]!)).toBeCloseTo(1, 6);
    expect(after.data.subarray(4 * bits)).toEqual(before.data.subarray(4 * bits));
  }
});
