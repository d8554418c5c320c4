import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bitsToBytes, bytesToBits, packBits, unpackBits } from './bits.js';

const anyBits = fc.uint8Array({ max: 1, maxLength: 100 });

describe('bytesToBits', () => {
  it('puts the most significant bit first', () => {
    expect([...bytesToBits(new Uint8Array([0b10000001, 0b01000000]))]).toEqual([
      1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0,
    ]);
  });

  it('takes a view into a larger buffer', () => {
    expect([...bytesToBits(new Uint8Array([9, 255, 9]).subarray(1, 2))]).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
  });

  it('comes back through bitsToBytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(bitsToBytes(bytesToBits(bytes))).toEqual(bytes);
      }),
    );
  });
});

describe('bitsToBytes', () => {
  it('names the byte that is cut off', () => {
    expect(() => bitsToBytes(new Uint8Array(19))).toThrow(
      expect.objectContaining({ code: 'E_CODEC', details: { position: 16, length: 19 } }),
    );
  });

  it('names the first element that is no bit', () => {
    expect(() => bitsToBytes(new Uint8Array([0, 1, 0, 2, 3, 0, 0, 0]))).toThrow(/bit 3 is 2/);
  });
});

describe('packBits', () => {
  it('brings any number of bits back through unpackBits', () => {
    fc.assert(
      fc.property(anyBits, (bits) => {
        const packed = packBits(bits);
        expect(packed.bytes.length).toBe(Math.ceil(bits.length / 8));
        expect(unpackBits(packed)).toEqual(bits);
      }),
    );
  });

  it('fills the last byte with zeros', () => {
    expect(packBits(new Uint8Array([1, 1, 1]))).toEqual({ bytes: new Uint8Array([0b11100000]), bitLength: 3 });
  });
});

describe('unpackBits', () => {
  it.each([
    [1, 9],
    [1, 0],
    [0, 1],
    [2, 8],
    [1, -1],
    [1, 7.5],
    [1, Number.NaN],
  ])('refuses %d bytes said to hold %d bits', (length, bitLength) => {
    expect(() => unpackBits({ bytes: new Uint8Array(length), bitLength })).toThrow(/do not hold/);
  });

  it('refuses set bits after the last', () => {
    expect(() => unpackBits({ bytes: new Uint8Array([0b11100001]), bitLength: 7 })).toThrow(
      /a bit after the last, bit 7/,
    );
  });
});
