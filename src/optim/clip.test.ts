import { describe, expect, it } from 'vitest';
import type { HostArray } from '../compile/host-array.js';
import { f32, run } from '../nn/test-support.js';
import type { Tensor, Tree } from '../tensor/index.js';
import { clipByGlobalNorm, clipByRunningNorm, clipByValue, clipByWeightNorm, type RunningNorm } from './clip.js';

describe('clipByGlobalNorm', () => {
  const tree = { a: f32([3, 0], [2]), b: { c: f32([0, 4], [1, 2]) } };
  const clip = (maxNorm: number) => run((t: Tree<Tensor>) => ({ ...clipByGlobalNorm(t, maxNorm) }), tree);

  it('scales all tensors by one factor when their common norm is too large', async () => {
    const result = await clip(1);
    expect(result.norm.item()).toBeCloseTo(5, 6);
    expect(result.tree.a.data[0]).toBeCloseTo(0.6, 5);
    expect(result.tree.b.c.data[1]).toBeCloseTo(0.8, 5);
  });

  it('leaves a tree below the bound as it is', async () => {
    const result = await clip(5.1);
    expect(result.tree.a.data).toEqual(tree.a.data);
    expect(result.tree.b.c.data).toEqual(tree.b.c.data);
  });

  it('takes a bound that is known only at run time', async () => {
    const result = await run((t: Tree<Tensor>, bound: Tensor) => ({ ...clipByGlobalNorm(t, bound) }), tree, 2.5);
    expect(result.tree.a.data[0]).toBeCloseTo(1.5, 5);
  });
});

describe('clipByValue', () => {
  it('brings each number near zero, and tells the norm before', async () => {
    const tree = { a: f32([3, -0.5], [2]), b: f32([0, -4], [1, 2]) };
    const result = await run((t: Tree<Tensor>) => ({ ...clipByValue(t, 1) }), tree);
    expect([...result.tree.a.data, ...result.tree.b.data]).toEqual([1, -0.5, 0, -1]);
    expect(result.norm.item()).toBeCloseTo(Math.hypot(3, 0.5, 4), 6);
  });
});

describe('clipByWeightNorm', () => {
  it('bounds each tensor by its own weights, and squares by their own norm', async () => {
    const weights = { large: f32([3, 4]), tiny: f32([1e-6, 0]), calm: f32([3, 4]) };
    const gradients = { large: f32([0, 10]), tiny: f32([1, 0]), calm: f32([0.01, 0.02]) };
    const squares = { large: f32([200, 200]), tiny: f32([0, 0]), calm: f32([1e-3, 0]) };
    const result = await run(
      (p: Tree<Tensor>, g: Tree<Tensor>, s: Tree<Tensor>) => ({
        ...clipByWeightNorm({ gradients: g, squares: s }, p, 0.1),
      }),
      weights,
      gradients,
      squares,
    );
    // |w| = 5 and 1e-3 at least.
    expect([...result.tree.large.data]).toEqual([0, expect.closeTo(0.5, 7)]);
    expect([...result.tree.tiny.data]).toEqual([expect.closeTo(1e-4, 10), 0]);
    expect([...result.tree.calm.data]).toEqual([...gradients.calm.data]);
    // sqrt(400) = 20, so 0.5 / 20 once.
    expect([...result.squares.large.data]).toEqual([expect.closeTo(5, 6), expect.closeTo(5, 6)]);
    expect([...result.squares.tiny.data, ...result.squares.calm.data]).toEqual([0, 0, squares.calm.data[0], 0]);
    expect(result.norm.item()).toBeCloseTo(Math.hypot(10, 1, 0.01, 0.02), 5);
  });
});

describe('clipByRunningNorm', () => {
  const zero: RunningNorm<HostArray> = { sum: f32([0], []), weight: f32([0], []) };

  /** Norms of gradients after clipping. */
  const clipped = async (norms: readonly number[]): Promise<number[]> => {
    const result: number[] = [];
    let running = zero;
    for (const norm of norms) {
      const next = await run(
        (t: Tree<Tensor>, before: RunningNorm<Tensor>) => {
          const { tree, running: after } = clipByRunningNorm(t, before, { factor: 3, beta: 0.5 });
          return { tree, running: { ...after } };
        },
        { a: f32([norm]) },
        { ...running },
      );
      running = next.running;
      result.push(next.tree.a.data[0]);
    }
    return result;
  };

  it('lets usual gradients through, and bounds unusual ones by the mean of those before', async () => {
    // Of 1 and 2 with weights 1 and 2 the mean is 5 / 3.
    const norms = await clipped([1, 2, 100]);
    expect(norms).toEqual([1, 2, expect.closeTo(5, 4)]);
  });

  it('does not let a wild gradient raise the bound by much, but gets used to larger ones', async () => {
    const norms = await clipped([1, 1e6, 1, 1, 1, 1, 1, 1, 1e6]);
    expect(norms.at(-1)).toBeLessThan(4);
    expect((await clipped([1, ...new Array<number>(12).fill(1000)])).at(-1)).toBe(1000);
  });

  it('never divides by zero', async () => {
    expect(await clipped([0, 0, 1])).toEqual([0, 0, 0]);
  });
});
