import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BatcherOptions, createBatcher } from './batches.js';
import { memoryStore } from './byte-store.js';

/** Bytes 0, 1, 2, ...: the value of a byte says where it stands. */
const counting = (length: number) => memoryStore(Uint8Array.from({ length }, (_, index) => index));

const options = (changes: Partial<BatcherOptions> = {}): BatcherOptions => ({
  store: counting(200),
  bitsPerPatch: 8,
  parity: false,
  contextLength: 5,
  batchSize: 4,
  seed: 1,
  ...changes,
});

describe('createBatcher', () => {
  it('gives the same batch for the same seed and step, whatever was asked before', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.nat(2 ** 31), fc.nat(9), (seed, step, microBatch) => {
        const fresh = createBatcher(options({ seed })).batch(step, microBatch);
        const used = createBatcher(options({ seed }));
        used.batch(step + 1);
        used.batch(step, microBatch + 1);
        expect(used.batch(step, microBatch)).toEqual(fresh);
      }),
    );
  });

  it('gives other windows for another seed, step or part of a step', () => {
    const large = { store: counting(200), batchSize: 64 };
    const base = createBatcher(options(large)).batch(7, 0).patches;
    expect(createBatcher(options({ ...large, seed: 2 })).batch(7).patches).not.toEqual(base);
    expect(createBatcher(options({ ...large, seed: 1 + 2 ** 32 })).batch(7).patches).not.toEqual(base);
    expect(createBatcher(options(large)).batch(8).patches).not.toEqual(base);
    expect(createBatcher(options(large)).batch(7, 1).patches).not.toEqual(base);
  });

  it('cuts windows of consecutive patches', () => {
    const { patches } = createBatcher(options()).batch(3);
    expect(patches).toHaveLength(4 * 6);
    for (let row = 0; row < 4; row++) {
      const window = [...patches.subarray(row * 6, row * 6 + 6)];
      expect(window).toEqual(window.map((_, index) => window[0]! + index));
    }
  });

  it('draws every start, the first and the last included, about equally often', () => {
    const batcher = createBatcher(options({ store: counting(15), batchSize: 10_000 }));
    const { patches } = batcher.batch(0);
    const counts = new Array<number>(batcher.starts).fill(0);
    for (let row = 0; row < 10_000; row++) counts[patches[row * 6]!]! += 1;
    expect(batcher.starts).toBe(10);
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it('walks over the data region by region where an order says so, and can begin anywhere in each', () => {
    const order = { shuffleBytes: 50, interleave: 1, files: [200] };
    const batcher = createBatcher(options({ order, batchSize: 10 }));
    const startsAt = (step: number): number[] => {
      const { patches } = batcher.batch(step);
      return Array.from({ length: 10 }, (_, row) => patches[row * 6]!);
    };
    // 39 windows of 5 bytes in groups of 10: a batch draws from one of them, and the 40th draw begins anew.
    const seen = [0, 1, 2].map((region) => {
      const all = Array.from({ length: 300 }, (_, walk) => startsAt(39 * walk + region));
      return all.flat();
    });
    seen.forEach((starts, region) => {
      expect([Math.min(...starts), Math.max(...starts)]).toEqual([region * 50, region * 50 + 49]);
      expect(new Set(starts).size).toBe(50);
    });
    const last = Array.from({ length: 300 }, (_, walk) => startsAt(39 * walk + 3).slice(0, 9)).flat();
    expect([Math.min(...last), Math.max(...last)]).toEqual([150, batcher.starts - 1]);
    expect(createBatcher(options({ order, batchSize: 10 })).batch(5)).toEqual(batcher.batch(5));
  });

  it.each([
    { bitsPerPatch: 1, parity: false, unit: 8 },
    { bitsPerPatch: 4, parity: false, unit: 8 },
    { bitsPerPatch: 3, parity: true, unit: 9 },
    { bitsPerPatch: 9, parity: true, unit: 9 },
    { bitsPerPatch: 5, parity: false, unit: 1 },
    { bitsPerPatch: 9, parity: false, unit: 1 },
    { bitsPerPatch: 12, parity: true, unit: 1 },
  ])('with patches of $bitsPerPatch bits, parity $parity, starts at multiples of $unit', ({ unit, ...layout }) => {
    const store = counting(20);
    const bits = 20 * (layout.parity ? 9 : 8);
    const { starts } = createBatcher(options({ store, ...layout }));
    expect(starts).toBe(Math.floor((bits - 6 * layout.bitsPerPatch) / unit) + 1);
  });

  it('takes data of exactly one window and refuses a byte less', () => {
    expect([...createBatcher(options({ store: counting(6), batchSize: 1 })).batch(0).patches]).toEqual([
      0, 1, 2, 3, 4, 5,
    ]);
    expect(() => createBatcher(options({ store: counting(5) }))).toThrow(
      expect.objectContaining({
        code: 'E_DATA',
        message: expect.stringMatching(/5 bytes, shorter than one window of 6/),
      }),
    );
  });

  it.each([{ seed: -1 }, { seed: 0.5 }, { batchSize: 0 }, { contextLength: 0 }])('refuses %j', (changes) => {
    expect(() => createBatcher(options(changes))).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
  });
});
