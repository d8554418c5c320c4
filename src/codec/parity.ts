import { NonetError } from '../core/errors.js';
import { bitsToBytes, bytesToBits, requireBits } from './bits.js';
import { decodeUtf8, encodeUtf8 } from './utf8.js';

/** Bits of a frame: eight of payload, most significant first, then one that makes the number of ones even. */
export const FRAME_BITS = 9;

export interface CodecOptions {
  /** Frames of 9 bits with an even-parity bit (default), or the 8 bits of each byte alone. */
  readonly parity?: boolean;
}

export interface DecodeTextOptions extends CodecOptions {
  /** Write U+FFFD for a wrong or cut-off frame and for invalid UTF-8, instead of raising an error. */
  readonly lossy?: boolean;
}

export interface ParityReport {
  readonly frames: number;
  /** How many frames have a wrong parity bit. */
  readonly wrong: number;
  /** The first of them, counted from 0; -1 where all are right. */
  readonly firstWrong: number;
}

/**
 * A text as bits of its UTF-8 bytes.
 *
 * @returns `[9 * bytes]` of 0 and 1, `[8 * bytes]` without parity
 * @throws NonetError `E_CODEC` for half a surrogate pair
 *
 * @example
 * bitsToText(textToBits('hello')); // 'hello'
 */
export function textToBits(text: string, options: CodecOptions = {}): Uint8Array {
  return encodeBytes(encodeUtf8(text), options);
}

/**
 * The text of bits made by {@link textToBits}.
 *
 * @throws NonetError `E_CODEC`, with the position, for a wrong parity bit, a frame that is cut off, or invalid UTF-8,
 *   unless `lossy`; always for elements other than 0 and 1
 */
export function bitsToText(bits: Uint8Array, { parity = true, lossy = false }: DecodeTextOptions = {}): string {
  if (!lossy) return decodeUtf8(decodeBytes(bits, { parity }));
  requireBits(bits);
  const frameBits = parity ? FRAME_BITS : 8;
  const frames = Math.floor(bits.length / frameBits);
  const whole = bits.subarray(0, frames * frameBits);
  // FF never occurs in UTF-8: in place of a byte that is lost it decodes to exactly one replacement character.
  const bytes = new Uint8Array(Math.ceil(bits.length / frameBits)).fill(0xff);
  if (parity) readFrames(whole, bytes, () => 0xff);
  else bytes.set(bitsToBytes(whole));
  return decodeUtf8(bytes, { lossy });
}

/** Any bytes as bits: `[9 * bytes.length]` of 0 and 1, `[8 * bytes.length]` without parity. */
export function encodeBytes(bytes: Uint8Array, { parity = true }: CodecOptions = {}): Uint8Array {
  if (!parity) return bytesToBits(bytes);
  const bits = new Uint8Array(bytes.length * FRAME_BITS);
  for (let index = 0, at = 0; index < bytes.length; index++, at += FRAME_BITS) {
    const byte = bytes[index]!;
    bits[at] = byte >> 7;
    bits[at + 1] = (byte >> 6) & 1;
    bits[at + 2] = (byte >> 5) & 1;
    bits[at + 3] = (byte >> 4) & 1;
    bits[at + 4] = (byte >> 3) & 1;
    bits[at + 5] = (byte >> 2) & 1;
    bits[at + 6] = (byte >> 1) & 1;
    bits[at + 7] = byte & 1;
    bits[at + 8] = PARITY[byte]!;
  }
  return bits;
}

/**
 * The bytes of bits made by {@link encodeBytes}.
 *
 * @throws NonetError `E_CODEC`, with the position, for a wrong parity bit or a frame that is cut off
 */
export function decodeBytes(bits: Uint8Array, { parity = true }: CodecOptions = {}): Uint8Array {
  if (!parity) return bitsToBytes(bits);
  requireFrames(bits);
  const bytes = new Uint8Array(bits.length / FRAME_BITS);
  readFrames(bits, bytes, (_, frame) => {
    const position = frame * FRAME_BITS + 8;
    throw new NonetError(
      'E_CODEC',
      `wrong parity at byte ${frame} (bit ${position}); the data is damaged. enforceParity keeps the payload as it is.`,
      { byte: frame, position },
    );
  });
  return bytes;
}

/**
 * Recomputes the parity bit of every frame and keeps the payload.
 *
 * @returns a copy of the bits, and how many frames were corrected
 */
export function enforceParity(bits: Uint8Array): { bits: Uint8Array; corrected: number } {
  requireFrames(bits);
  const enforced = bits.slice();
  let corrected = 0;
  for (let at = 0; at < bits.length; at += FRAME_BITS) {
    const wrong = parityError(bits, at);
    enforced[at + 8]! ^= wrong;
    corrected += wrong;
  }
  return { bits: enforced, corrected };
}

/** Counts the frames whose parity bit is wrong. `E_CODEC` for a frame that is cut off. */
export function checkParity(bits: Uint8Array): ParityReport {
  requireFrames(bits);
  let wrong = 0;
  let firstWrong = -1;
  for (let at = 0; at < bits.length; at += FRAME_BITS) {
    if (parityError(bits, at) === 0) continue;
    if (wrong === 0) firstWrong = at / FRAME_BITS;
    wrong++;
  }
  return { frames: bits.length / FRAME_BITS, wrong, firstWrong };
}

/** The parity bit of every byte. */
const PARITY = Uint8Array.from({ length: 256 }, (_, byte) => {
  let parity = 0;
  for (let rest = byte; rest > 0; rest >>= 1) parity ^= rest & 1;
  return parity;
});

/** 1 where the ones of the frame that starts at `at` are odd in number. */
function parityError(bits: Uint8Array, at: number): number {
  let sum = 0;
  for (let index = at; index < at + FRAME_BITS; index++) sum ^= bits[index]!;
  return sum;
}

/** Reads whole frames into `bytes`; a wrong parity bit puts what `onWrong` returns in place of the byte. */
function readFrames(bits: Uint8Array, bytes: Uint8Array, onWrong: (byte: number, frame: number) => number): void {
  for (let frame = 0, at = 0; at < bits.length; frame++, at += FRAME_BITS) {
    const byte =
      (bits[at]! << 7) |
      (bits[at + 1]! << 6) |
      (bits[at + 2]! << 5) |
      (bits[at + 3]! << 4) |
      (bits[at + 4]! << 3) |
      (bits[at + 5]! << 2) |
      (bits[at + 6]! << 1) |
      bits[at + 7]!;
    bytes[frame] = PARITY[byte] === bits[at + 8] ? byte : onWrong(byte, frame);
  }
}

function requireFrames(bits: Uint8Array): void {
  requireBits(bits);
  const rest = bits.length % FRAME_BITS;
  if (rest === 0) return;
  const position = bits.length - rest;
  throw new NonetError(
    'E_CODEC',
    `the frame of byte ${position / FRAME_BITS} is cut off: ${rest} of its 9 bits are left at bit ${position}. Were the bits made without parity?`,
    { byte: position / FRAME_BITS, position, length: bits.length },
  );
}
