import { FRAME_BITS, MAX_BITS_PER_PATCH } from '../codec/index.js';
import { NonetError } from '../core/errors.js';
import type { ByteStore } from './byte-store.js';

/** How bytes become patches. */
export interface PatchLayout {
  /** Bits of one patch, 1 to 12. */
  readonly bitsPerPatch: number;
  /** True for frames of 9 bits, the last of them even parity; false for the 8 bits of the byte. */
  readonly parity: boolean;
}

export interface PatchReader {
  /** Bits of a byte's frame: 8, or 9 with parity. */
  readonly frameBits: number;
  /** Bits of the whole store. */
  readonly totalBits: number;
  /** True when a frame holds a whole number of patches, so that windows can start at bytes. */
  readonly aligned: boolean;
  /**
   * Writes the values of `count` patches from bit `bitOffset` on to `out` from `outOffset` on; a patch is its bits,
   * most significant first, as a number. Bits before the first and after the last of the store are zeros.
   */
  read(bitOffset: number, count: number, out: Int32Array, outOffset: number): void;
}

/** The frame of every byte: the byte itself, or the byte and its even-parity bit. */
const FRAMES = { plain: frameTable(false), parity: frameTable(true) };

function frameTable(parity: boolean): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    if (!parity) return byte;
    let odd = byte ^ (byte >> 4);
    odd ^= odd >> 2;
    odd ^= odd >> 1;
    return (byte << 1) | (odd & 1);
  });
}

/** Cuts patches out of a store of payload bytes; the parity bits are made on the way. */
export function createPatchReader(store: ByteStore, { bitsPerPatch, parity }: PatchLayout): PatchReader {
  if (!Number.isInteger(bitsPerPatch) || bitsPerPatch < 1 || bitsPerPatch > MAX_BITS_PER_PATCH) {
    throw new NonetError(
      'E_CONFIG',
      `bitsPerPatch is ${bitsPerPatch}: an integer from 1 to ${MAX_BITS_PER_PATCH} is expected.`,
    );
  }
  const frames = parity ? FRAMES.parity : FRAMES.plain;
  const frameBits = parity ? FRAME_BITS : 8;
  const totalBits = store.length * frameBits;
  const mask = (1 << bitsPerPatch) - 1;

  return {
    frameBits,
    totalBits,
    aligned: frameBits % bitsPerPatch === 0,
    read(bitOffset, count, out, outOffset) {
      const endBit = bitOffset + count * bitsPerPatch;
      const firstByte = Math.floor(bitOffset / frameBits);
      const endByte = Math.ceil(endBit / frameBits);
      const from = Math.min(Math.max(firstByte, 0), store.length);
      const bytes = store.read(from, Math.max(Math.min(endByte, store.length) - from, 0));

      let at = outOffset;
      const end = outOffset + count;
      // `held` has the bits not yet given out in its lowest `heldBits`; what lies above them is masked away.
      let held = 0;
      let heldBits = firstByte * frameBits - bitOffset;
      for (let byte = firstByte; at < end; byte++) {
        const inside = byte >= from && byte < from + bytes.length;
        held = (held << frameBits) | (inside ? frames[bytes[byte - from]!]! : 0);
        heldBits += frameBits;
        while (heldBits >= bitsPerPatch && at < end) {
          heldBits -= bitsPerPatch;
          out[at++] = (held >>> heldBits) & mask;
        }
      }
    },
  };
}
