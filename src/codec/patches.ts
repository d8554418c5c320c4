import { NonetError } from '../core/errors.js';
import { requireBits } from './bits.js';

/** The largest number of bits in a patch: the tree over its values has `2^P - 1` nodes. */
export const MAX_BITS_PER_PATCH = 12;

/**
 * Groups bits into patches of `bitsPerPatch` (P); the first bit of a patch is the most significant of its value.
 *
 * @param bits `[patches * P]` of 0 and 1
 * @returns `[patches]` of `0 .. 2^P - 1`
 * @throws NonetError `E_CODEC` where the bits do not fill the last patch, or P is not 1 to 12
 */
export function bitsToPatches(bits: Uint8Array, bitsPerPatch: number): Int32Array {
  requireBitsPerPatch(bitsPerPatch);
  requireBits(bits);
  const rest = bits.length % bitsPerPatch;
  if (rest !== 0) {
    const position = bits.length - rest;
    throw new NonetError(
      'E_CODEC',
      `${bits.length} bits are not whole patches of ${bitsPerPatch}: the patch at bit ${position} is cut off.`,
      { position, length: bits.length },
    );
  }
  const patches = new Int32Array(bits.length / bitsPerPatch);
  for (let patch = 0, at = 0; patch < patches.length; patch++) {
    let value = 0;
    for (const end = at + bitsPerPatch; at < end; at++) value = (value << 1) | bits[at]!;
    patches[patch] = value;
  }
  return patches;
}

/**
 * The inverse of {@link bitsToPatches}.
 *
 * @throws NonetError `E_CODEC`, with the position, for a value outside of `0 .. 2^P - 1`
 */
export function patchesToBits(patches: ArrayLike<number>, bitsPerPatch: number): Uint8Array {
  requireBitsPerPatch(bitsPerPatch);
  const bits = new Uint8Array(patches.length * bitsPerPatch);
  const limit = 1 << bitsPerPatch;
  for (let patch = 0, at = 0; patch < patches.length; patch++) {
    const value = patches[patch]!;
    if (!(Number.isInteger(value) && value >= 0 && value < limit)) {
      throw new NonetError(
        'E_CODEC',
        `patch ${patch} is ${value}; a patch of ${bitsPerPatch} bits is 0 to ${limit - 1}.`,
        {
          position: patch,
          value,
        },
      );
    }
    for (let shift = bitsPerPatch - 1; shift >= 0; shift--) bits[at++] = (value >> shift) & 1;
  }
  return bits;
}

function requireBitsPerPatch(bitsPerPatch: number): void {
  if (Number.isInteger(bitsPerPatch) && bitsPerPatch >= 1 && bitsPerPatch <= MAX_BITS_PER_PATCH) return;
  throw new NonetError('E_CODEC', `a patch has 1 to ${MAX_BITS_PER_PATCH} bits, not ${bitsPerPatch}.`, {
    bitsPerPatch,
  });
}
