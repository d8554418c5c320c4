import { describe, expect, it } from 'vitest';
import { memoryStore } from './byte-store.js';
import { createEpochBatcher, type EpochOptions } from './epochs.js';

/** Bytes 0, 1, 2, ...: the value of a byte says where it stands. */
const counting = (length: number) => memoryStore(Uint8Array.from({ length }, (_, index) => index));

const options = (changes: Partial<EpochOptions> = {}): EpochOptions => ({
  ...{ store: counting(200), bitsPerPatch: 8, parity: false, contextLength: 5, batchSize: 4, seed: 1 },
  ...{ epochs: 3, extraSteps: 0, accumulation: 1 },
  ...changes,
});

/** First bytes of all windows from step `from` on. */
const startsOf = (changes: Partial<EpochOptions>, from: number, steps: number): number[] => {
  const batcher = createEpochBatcher(options(changes));
  const starts: number[] = [];
  for (let step = from; step < from + steps; step++) {
    for (let micro = 0; micro < batcher.microBatches(step); micro++) {
      const { patches } = batcher.batch(step, micro);
      for (let at = 0; at < patches.length; at += 6) starts.push(patches[at]!);
    }
  }
  return starts;
};

const sorted = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b);
// 200 bytes hold 39 windows of 5 bytes and the one after.
const everyWindow = Array.from({ length: 39 }, (_, i) => i * 5);

describe('createEpochBatcher', () => {
  it('has each window exactly once per epoch, in another order every time', () => {
    const epochs = [0, 1, 2].map((epoch) => startsOf({}, epoch * 10, 10));
    for (const starts of epochs) expect(sorted(starts)).toEqual(everyWindow);
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(epochs[1]).not.toEqual(epochs[2]);
    expect(startsOf({ seed: 2 }, 0, 10)).not.toEqual(epochs[0]);
  });

  it('ends an epoch with a smaller batch, and a smaller group of micro-batches', () => {
    const batcher = createEpochBatcher(options({ accumulation: 3 }));
    // Ten micro-batches, the last of three rows, in groups of three.
    expect([batcher.windows, batcher.steps]).toEqual([39, 3 * 4]);
    expect([0, 1, 2, 3, 4].map((step) => batcher.microBatches(step))).toEqual([3, 3, 3, 1, 3]);
    expect(batcher.batch(3).patches).toHaveLength(3 * 6);
    expect(() => batcher.batch(3, 1)).toThrow('step 3 has 1 micro-batches');
    for (const epoch of [0, 1]) expect(sorted(startsOf({ accumulation: 3 }, epoch * 4, 4))).toEqual(everyWindow);
  });

  it('lets batches at random follow on each epoch', () => {
    const batcher = createEpochBatcher(options({ extraSteps: 2, accumulation: 5 }));
    expect(batcher.steps).toBe(3 * 3);
    expect(batcher.microBatches(2)).toBe(2);
    expect(batcher.batch(2, 1).patches).toHaveLength(4 * 6);
    expect(sorted(startsOf({ extraSteps: 2, accumulation: 5 }, 0, 2))).toEqual(everyWindow);
  });

  it('keeps the windows of neighbouring steps within the bytes among which they are shuffled', () => {
    const order = { shuffleBytes: 60, interleave: 1, files: [200] };
    for (const epoch of [0, 1]) {
      const starts = startsOf({ order }, epoch * 10, 10);
      expect(sorted(starts)).toEqual(everyWindow);
      // Groups of 12 windows of 5 bytes are three batches of four.
      for (let first = 0; first < 36; first += 12) {
        expect(sorted(starts.slice(first, first + 12))).toEqual(everyWindow.slice(first, first + 12));
      }
    }
    const used = createEpochBatcher(options({ order }));
    used.batch(17);
    expect(used.batch(3)).toEqual(createEpochBatcher(options({ order })).batch(3));
  });

  it('is a function of seed and step alone', () => {
    const used = createEpochBatcher(options());
    used.batch(7);
    expect(used.batch(3)).toEqual(createEpochBatcher(options()).batch(3));
  });

  it.each([1, 3, 4, 9])('cuts windows that lie side by side, with patches of %i bits', (bitsPerPatch) => {
    const store = counting(60);
    const batcher = createEpochBatcher(options({ store, bitsPerPatch, parity: bitsPerPatch % 3 === 0, epochs: 1 }));
    let rows = 0;
    for (let step = 0; step < batcher.steps; step++) rows += batcher.batch(step).patches.length / 6;
    expect(rows).toBe(batcher.windows);
  });
});
