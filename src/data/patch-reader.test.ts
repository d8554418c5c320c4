import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBytes } from '../codec/index.js';
import { memoryStore } from './byte-store.js';
import { createPatchReader } from './patch-reader.js';

/** Patch values by definition: the codec's bits, zeros around them, read as binary numbers. */
function slowPatches(
  bytes: Uint8Array,
  parity: boolean,
  bitsPerPatch: number,
  offset: number,
  count: number,
): number[] {
  const bits = encodeBytes(bytes, { parity });
  return Array.from({ length: count }, (_, patch) => {
    let value = 0;
    for (let bit = 0; bit < bitsPerPatch; bit++) value = value * 2 + (bits[offset + patch * bitsPerPatch + bit] ?? 0);
    return value;
  });
}

describe('createPatchReader', () => {
  it('reads the patches of the coded bits at any offset, zeros outside of the data', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 20 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: -40, max: 220 }),
        fc.nat(40),
        (bytes, parity, bitsPerPatch, offset, count) => {
          const out = new Int32Array(count + 2).fill(-1);
          createPatchReader(memoryStore(bytes), { bitsPerPatch, parity }).read(offset, count, out, 1);
          expect([...out]).toEqual([-1, ...slowPatches(bytes, parity, bitsPerPatch, offset, count), -1]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    [8, false, true],
    [4, false, true],
    [1, false, true],
    [9, false, false],
    [3, false, false],
    [9, true, true],
    [3, true, true],
    [1, true, true],
    [8, true, false],
    [12, true, false],
  ])('with patches of %i bits, parity %s, says aligned: %s', (bitsPerPatch, parity, aligned) => {
    expect(createPatchReader(memoryStore(new Uint8Array(2)), { bitsPerPatch, parity }).aligned).toBe(aligned);
  });

  it.each([0, 13, 1.5, Number.NaN])('refuses patches of %d bits', (bitsPerPatch) => {
    expect(() => createPatchReader(memoryStore(new Uint8Array(2)), { bitsPerPatch, parity: false })).toThrow(
      expect.objectContaining({ code: 'E_CONFIG' }),
    );
  });
});
