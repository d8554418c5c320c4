import { describe, expect, it } from 'vitest';
import { loadAddon } from '../src/compile/native/addon.js';

interface Depths {
  spearman: (a: readonly number[], b: readonly number[]) => number;
}

// It loads the built engine.
const { reason } = loadAddon();
const module = () => import(new URL('depths.mjs', import.meta.url).href) as Promise<Depths>;

describe.skipIf(reason)('rank correlation', () => {
  it('looks at the order alone', async () => {
    const { spearman } = await module();
    expect(spearman([1, 2, 3, 4], [1, 10, 100, 1000])).toBeCloseTo(1, 12);
    expect(spearman([1, 2, 3, 4], [9, 7, 2, 1])).toBeCloseTo(-1, 12);
  });

  it('gives equal numbers the mean of their ranks', async () => {
    const { spearman } = await module();
    // Ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3: a product of 4.5 over the root of 4.5 * 5.
    expect(spearman([1, 2, 2, 3], [1, 2, 3, 4])).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 12);
  });
});
