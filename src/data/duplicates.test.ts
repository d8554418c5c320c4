import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { threefry2x32 } from '../core/random.js';
import { memoryStore } from './byte-store.js';
import { findDuplicates } from './duplicates.js';

const noise = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, index) => threefry2x32(seed, 0, index, 0)[0] & 0xff);

const search = (training: Uint8Array, validation: Uint8Array) =>
  findDuplicates(memoryStore(training), memoryStore(validation));

describe('findDuplicates', () => {
  it('finds none between unrelated bytes', async () => {
    expect(await search(noise(5000, 1), noise(3000, 2))).toEqual({ blockBytes: 256, blocks: 11, found: 0 });
  });

  it('sees every copied run of 511 bytes, wherever it stands', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2000), fc.nat(1000), async (from, to) => {
        const validation = noise(3000, 3);
        const training = noise(2000, 4);
        training.set(validation.subarray(from, from + 511), to);
        expect((await search(training, validation)).found).toBeGreaterThanOrEqual(1);
      }),
      { numRuns: 50 },
    );
  });

  it('counts each repeated block, equal ones included, once', async () => {
    const block = noise(256, 5);
    const validation = Buffer.concat([block, block, noise(256, 6)]);
    expect((await search(Buffer.concat([block, block, block]), validation)).found).toBe(2);
  });

  it('does not take 255 equal bytes for a block', async () => {
    const block = noise(256, 7);
    expect((await search(block.subarray(1), block)).found).toBe(0);
  });

  it('looks for so many blocks at most, spread over all of the validation part', async () => {
    const validation = noise(256 * 40, 9);
    const find = (training: Uint8Array) => findDuplicates(memoryStore(training), memoryStore(validation), 10);
    expect(await find(validation)).toEqual({ blockBytes: 256, blocks: 10, found: 10 });
    expect((await find(validation.subarray(256 * 20))).found).toBe(5);
  });

  it('finds blocks across and at the edges of the pieces it reads', async () => {
    const mebibyte = 1 << 20;
    const training = noise(2 * mebibyte + 100, 8);
    const starts = [0, mebibyte - 256, mebibyte - 1, mebibyte, 2 * mebibyte - 156];
    const validation = Buffer.concat(starts.map((start) => training.slice(start, start + 256)));
    expect(await search(training, validation)).toMatchObject({ blocks: 5, found: 5 });
  });
});
