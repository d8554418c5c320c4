import { NonetError } from '../core/errors.js';

/** Bits packed eight to a byte, most significant first; unused bits of the last byte are zero. */
export interface PackedBits {
  readonly bytes: Uint8Array;
  /** How many of the bits count; `bytes.length` is the least that holds them. */
  readonly bitLength: number;
}

/** The four bits of every half byte, as the four bytes of one word: two stores write the eight bits of a byte. */
const NIBBLE_BITS = new Uint32Array(
  Uint8Array.from({ length: 64 }, (_, index) => ((index >> 2) >> (3 - (index & 3))) & 1).buffer,
);

/**
 * The bits of bytes, most significant first, one per element.
 *
 * @returns `[8 * bytes.length]` of 0 and 1
 */
export function bytesToBits(bytes: Uint8Array): Uint8Array {
  const bits = new Uint8Array(bytes.length * 8);
  const words = new Uint32Array(bits.buffer);
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index]!;
    words[2 * index] = NIBBLE_BITS[byte >> 4]!;
    words[2 * index + 1] = NIBBLE_BITS[byte & 15]!;
  }
  return bits;
}

/**
 * The inverse of {@link bytesToBits}.
 *
 * @throws NonetError `E_CODEC` where the length is not a multiple of 8 or an element is neither 0 nor 1
 */
export function bitsToBytes(bits: Uint8Array): Uint8Array {
  if (bits.length % 8 !== 0) {
    const position = bits.length - (bits.length % 8);
    throw new NonetError(
      'E_CODEC',
      `${bits.length} bits are not whole bytes: the byte at bit ${position} is cut off; give a multiple of 8 bits, or use packBits.`,
      { position, length: bits.length },
    );
  }
  return pack(bits);
}

/** Packs any number of bits into bytes. `E_CODEC` where an element is neither 0 nor 1. */
export function packBits(bits: Uint8Array): PackedBits {
  return { bytes: pack(bits), bitLength: bits.length };
}

/**
 * The inverse of {@link packBits}.
 *
 * @throws NonetError `E_CODEC` where `bitLength` does not fit the bytes or an unused bit is set
 */
export function unpackBits({ bytes, bitLength }: PackedBits): Uint8Array {
  if (!Number.isSafeInteger(bitLength) || bitLength < 0 || Math.ceil(bitLength / 8) !== bytes.length) {
    throw new NonetError('E_CODEC', `${bytes.length} bytes do not hold ${bitLength} bits: the bit count is wrong.`, {
      bytes: bytes.length,
      bitLength,
    });
  }
  const unused = bytes.length * 8 - bitLength;
  if (unused > 0 && (bytes[bytes.length - 1]! & ((1 << unused) - 1)) !== 0) {
    throw new NonetError(
      'E_CODEC',
      `packed bits: a bit after the last, bit ${bitLength}, is set; the data is damaged.`,
      {
        position: bitLength,
      },
    );
  }
  const bits = bytesToBits(bytes);
  return unused === 0 ? bits : bits.slice(0, bitLength);
}

/** Raises `E_CODEC`, with the position, for the first element that is neither 0 nor 1. */
export function requireBits(bits: Uint8Array): void {
  let union = 0;
  for (let index = 0; index < bits.length; index++) union |= bits[index]!;
  if (union > 1) throwForWrongBit(bits);
}

function pack(bits: Uint8Array): Uint8Array {
  requireBits(bits);
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  const whole = bits.length >> 3;
  for (let index = 0, at = 0; index < whole; index++, at += 8) {
    bytes[index] =
      (bits[at]! << 7) |
      (bits[at + 1]! << 6) |
      (bits[at + 2]! << 5) |
      (bits[at + 3]! << 4) |
      (bits[at + 4]! << 3) |
      (bits[at + 5]! << 2) |
      (bits[at + 6]! << 1) |
      bits[at + 7]!;
  }
  for (let at = whole * 8; at < bits.length; at++) bytes[whole]! |= bits[at]! << (7 - (at & 7));
  return bytes;
}

function throwForWrongBit(bits: Uint8Array): never {
  const position = bits.findIndex((bit) => bit > 1);
  throw new NonetError('E_CODEC', `bit ${position} is ${bits[position]}; bits are 0 or 1.`, {
    position,
    value: bits[position],
  });
}
