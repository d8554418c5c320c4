import { describe, expect, it } from 'vitest';
import { f32, run } from '../nn/test-support.js';
import type { Tensor, Tree } from '../tensor/index.js';
import { clipByGlobalNorm } from './clip.js';

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
