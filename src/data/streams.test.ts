import { describe, expect, it } from 'vitest';
import { memoryStore } from './byte-store.js';
import { createStreamBatcher, type StreamOptions } from './streams.js';

const store = memoryStore(Uint8Array.from({ length: 101 }, (_, i) => i));
const options: StreamOptions = {
  store,
  bitsPerPatch: 8,
  parity: false,
  contextLength: 8,
  batchSize: 2,
  seed: 1,
  accumulation: 1,
};

describe('createStreamBatcher', () => {
  it('walks every part of the data in order, each target once', () => {
    const batcher = createStreamBatcher(options);
    // 50 bytes each: six windows of eight targets.
    expect(batcher.windows).toBe(6);
    for (const row of [0, 1]) {
      const targets = [0, 1, 2, 3, 4, 5].flatMap((step) => {
        const { patches, position } = batcher.batch(step);
        expect(position).toBe(8 * step);
        expect(patches[row * 9]).toBe(50 * row + 8 * step);
        return Array.from(patches.subarray(row * 9 + 1, row * 9 + 9));
      });
      expect(targets).toEqual(Array.from({ length: 48 }, (_, i) => 50 * row + 1 + i));
    }
    expect(batcher.batch(6)).toEqual(batcher.batch(0));
  });

  it('gives micro-batches the windows that follow, and ends with the epochs', () => {
    const parts = createStreamBatcher({ ...options, accumulation: 4, epochs: 2 });
    const whole = createStreamBatcher(options);
    expect(parts.steps).toBe(3);
    expect([0, 1, 2].map((step) => parts.microBatches(step))).toEqual([4, 4, 4]);
    expect(parts.batch(1, 3)).toEqual(whole.batch(7));
    const uneven = createStreamBatcher({ ...options, accumulation: 5, epochs: 2 });
    expect(uneven.steps).toBe(3);
    expect(uneven.microBatches(2)).toBe(2);
  });

  it('begins rows at bytes where patches straddle them', () => {
    const { patches } = createStreamBatcher({ ...options, bitsPerPatch: 12 }).batch(0);
    expect(patches[9]).toBe((50 << 4) | (51 >> 4));
  });

  it('refuses data that is too short for its rows', () => {
    expect(() => createStreamBatcher({ ...options, batchSize: 12 })).toThrow(/12 streams of one window take 108/);
  });
});
