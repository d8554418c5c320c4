import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bitsToPatches, patchesToBits } from './patches.js';

describe('bitsToPatches', () => {
  it('takes the first bit as the most significant', () => {
    expect([...bitsToPatches(new Uint8Array([1, 0, 0, 0, 1, 1]), 3)]).toEqual([4, 3]);
  });

  it('comes back through patchesToBits for every size of patch', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.uint8Array({ max: 1, maxLength: 200 }), (size, anyBits) => {
        const bits = anyBits.subarray(0, anyBits.length - (anyBits.length % size));
        const patches = bitsToPatches(bits, size);
        expect(patches.length).toBe(bits.length / size);
        expect(patchesToBits(patches, size)).toEqual(bits);
      }),
    );
  });

  it('names the patch that is cut off', () => {
    expect(() => bitsToPatches(new Uint8Array(10), 4)).toThrow(/the patch at bit 8 is cut off/);
  });

  it.each([0, 13, 1.5, Number.NaN])('refuses patches of %d bits', (size) => {
    expect(() => bitsToPatches(new Uint8Array(0), size)).toThrow(/a patch has 1 to 12 bits/);
  });

  it('names an element that is no bit', () => {
    expect(() => bitsToPatches(new Uint8Array([0, 3]), 2)).toThrow(/bit 1 is 3/);
  });
});

describe('patchesToBits', () => {
  it.each([8, -1, 0.5, Number.NaN])('refuses %d as a patch of 3 bits', (value) => {
    expect(() => patchesToBits([0, value], 3)).toThrow(/patch 1 is .*; a patch of 3 bits is 0 to 7/);
  });
});
