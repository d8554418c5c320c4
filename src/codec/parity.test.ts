import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bitsToText, checkParity, decodeBytes, encodeBytes, enforceParity, textToBits } from './parity.js';

/** Any characters but surrogates, the short encodings as often as the long ones. */
const anyText = fc
  .array(fc.oneof(fc.nat(0x7f), fc.nat(0x7ff), fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff })))
  .map((codes) => String.fromCodePoint(...codes));

const withParity = fc.boolean().map((parity) => ({ parity }));
const validFrames = fc.uint8Array({ minLength: 1, maxLength: 30 }).map((bytes) => encodeBytes(bytes));

function flipped(bits: Uint8Array, position: number): Uint8Array {
  const copy = bits.slice();
  copy[position]! ^= 1;
  return copy;
}

describe('textToBits', () => {
  it('writes nine bits per byte, the last of which makes the ones even', () => {
    expect([...textToBits('a')]).toEqual([0, 1, 1, 0, 0, 0, 0, 1, 1]);
    expect([...textToBits('c')]).toEqual([0, 1, 1, 0, 0, 0, 1, 1, 0]);
    expect([...textToBits('a', { parity: false })]).toEqual([0, 1, 1, 0, 0, 0, 0, 1]);
  });

  it('comes back through bitsToText, with and without parity', () => {
    fc.assert(
      fc.property(anyText, withParity, fc.boolean(), (text, parity, lossy) => {
        expect(bitsToText(textToBits(text, parity), { ...parity, lossy })).toBe(text);
      }),
    );
  });
});

describe('encodeBytes', () => {
  it('brings any bytes back through decodeBytes, with and without parity', () => {
    fc.assert(
      fc.property(fc.uint8Array(), withParity, (bytes, parity) => {
        expect(decodeBytes(encodeBytes(bytes, parity), parity)).toEqual(bytes);
      }),
    );
  });
});

describe('decodeBytes', () => {
  it('notices every single flipped bit and names its byte', () => {
    fc.assert(
      fc.property(validFrames, fc.nat(), (bits, where) => {
        const position = where % bits.length;
        expect(() => decodeBytes(flipped(bits, position))).toThrow(
          expect.objectContaining({
            code: 'E_CODEC',
            details: expect.objectContaining({ byte: Math.floor(position / 9) }),
          }),
        );
      }),
    );
  });

  it('names the frame that is cut off', () => {
    expect(() => decodeBytes(textToBits('abc').subarray(0, 20))).toThrow(
      /frame of byte 2 is cut off: 2 of its 9 bits are left at bit 18/,
    );
    expect(() => decodeBytes(new Uint8Array(12), { parity: false })).toThrow(/byte at bit 8 is cut off/);
  });

  it('names an element that is no bit', () => {
    const bits = textToBits('abc');
    bits[10] = 7;
    expect(() => decodeBytes(bits)).toThrow(/bit 10 is 7/);
  });
});

describe('bitsToText', () => {
  it('names the byte where UTF-8 ends to be valid', () => {
    expect(() => bitsToText(encodeBytes(new Uint8Array([0x41, 0x42, 0xff])))).toThrow(/invalid UTF-8 at byte 2/);
  });

  it('writes one replacement character for a lost byte, and keeps the rest, when lossy', () => {
    const bits = flipped(textToBits('hello'), 9 * 2 + 3);
    expect(bitsToText(bits, { lossy: true })).toBe('he\ufffdlo');
  });

  it('writes a replacement character for what is cut off, when lossy', () => {
    expect(bitsToText(textToBits('hello').subarray(0, 40), { lossy: true })).toBe('hell\ufffd');
    expect(bitsToText(textToBits('hi', { parity: false }).subarray(0, 9), { parity: false, lossy: true })).toBe(
      'h\ufffd',
    );
  });

  it('never takes other elements for bits, lossy or not', () => {
    expect(() => bitsToText(new Uint8Array(9).fill(2), { lossy: true })).toThrow(/bit 0 is 2/);
  });
});

describe('enforceParity', () => {
  it('corrects exactly the frames that were wrong and keeps every payload', () => {
    fc.assert(
      fc.property(fc.uint8Array({ max: 1, maxLength: 90 }), (anyBits) => {
        const bits = anyBits.subarray(0, anyBits.length - (anyBits.length % 9));
        const before = checkParity(bits);
        const { bits: enforced, corrected } = enforceParity(bits);
        expect(corrected).toBe(before.wrong);
        expect(checkParity(enforced)).toEqual({ frames: bits.length / 9, wrong: 0, firstWrong: -1 });
        for (let at = 0; at < bits.length; at++) if (at % 9 !== 8) expect(enforced[at]).toBe(bits[at]);
      }),
    );
  });

  it('leaves the given bits as they were', () => {
    const bits = flipped(textToBits('a'), 8);
    enforceParity(bits);
    expect(bits[8]).toBe(0);
  });

  it('refuses a frame that is cut off', () => {
    expect(() => enforceParity(new Uint8Array(10))).toThrow(/frame of byte 1 is cut off/);
  });
});

describe('checkParity', () => {
  it('counts wrong frames and gives the first', () => {
    const bits = flipped(flipped(textToBits('abcd'), 10), 30);
    expect(checkParity(bits)).toEqual({ frames: 4, wrong: 2, firstWrong: 1 });
  });
});
