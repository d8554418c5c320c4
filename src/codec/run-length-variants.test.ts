import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToBits } from './bits.js';
import { runLengthEncode } from './run-length.js';
import {
  adaptiveDecode,
  adaptiveEncode,
  deltaDecode,
  deltaEncode,
  hierarchicalDecode,
  hierarchicalEncode,
} from './run-length-variants.js';

const schemes = [
  { name: 'delta', encode: deltaEncode, decode: deltaDecode },
  { name: 'hierarchical', encode: hierarchicalEncode, decode: hierarchicalDecode },
  { name: 'adaptive', encode: adaptiveEncode, decode: adaptiveDecode },
];

const noise = fc.uint8Array({ max: 1, maxLength: 300 });
const runs = fc
  .array(fc.tuple(fc.nat(1), fc.integer({ min: 1, max: 3000 })), { maxLength: 4 })
  .map((pairs) => Uint8Array.from(pairs.flatMap(([value, count]) => new Array<number>(count).fill(value))));
const repeatedBytes = fc
  .tuple(fc.array(fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 140 })), { maxLength: 12 }), fc.nat(7))
  .map(([items, cut]) => {
    const bits = bytesToBits(Uint8Array.from(items.flatMap(([byte, count]) => new Array<number>(count).fill(byte))));
    return bits.slice(0, Math.max(0, bits.length - cut));
  });
const anyBits = fc.oneof(noise, runs, repeatedBytes);

describe.each(schemes)('the $name code', ({ encode, decode }) => {
  it('brings every bit back', () => {
    fc.assert(
      fc.property(anyBits, (bits) => {
        expect(Buffer.compare(decode(encode(bits)), bits)).toBe(0);
      }),
    );
  });

  it('writes no bits as no bytes', () => {
    expect(encode(new Uint8Array(0)).length).toBe(0);
    expect(decode(new Uint8Array(0)).length).toBe(0);
  });

  it('either decodes or raises E_CODEC, whatever the bytes', () => {
    const byte = fc.oneof(fc.nat(3), fc.nat(255));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 5 }), (bytes) => {
        try {
          for (const bit of decode(Uint8Array.from(bytes)).subarray(0, 100)) expect(bit).toBeLessThan(2);
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_CODEC' });
        }
      }),
      { numRuns: 300 },
    );
  });

  it('refuses elements that are no bits', () => {
    expect(() => encode(new Uint8Array([0, 1, 5]))).toThrow(/bit 2 is 5/);
  });
});

describe('deltaDecode', () => {
  it.each([
    ['a first bit of 2', [2, 1], 0],
    ['a missing run', [1], 1],
    ['a run of zero bits', [1, 3, 0], 2],
    ['a needless zero', [1, 0x83, 0], 1],
    ['a run that is cut off', [1, 3, 0x83], 2],
    ['a run of terabytes', [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], 1],
  ])('refuses %s and says where', (_, code, position) => {
    expect(() => deltaDecode(Uint8Array.from(code))).toThrow(
      expect.objectContaining({ code: 'E_CODEC', details: { position } }),
    );
  });

  it('reads the documented form', () => {
    expect([...deltaDecode(Uint8Array.from([1, 2, 1]))]).toEqual([1, 1, 0]);
    expect(deltaEncode(new Uint8Array(300))).toEqual(Uint8Array.from([0, 0xac, 0x02]));
  });
});

describe('hierarchicalEncode', () => {
  it('writes a repeated pattern as one item', () => {
    const bits = bytesToBits(new Uint8Array(100).fill(0b01010101));
    expect([...hierarchicalEncode(bits)]).toEqual([8, 128 + 98, 0b01010101]);
  });

  it('never grows beyond the packed bytes by more than one in 128, plus one', () => {
    fc.assert(
      fc.property(anyBits, (bits) => {
        const packed = Math.ceil(bits.length / 8);
        expect(hierarchicalEncode(bits).length).toBeLessThanOrEqual(packed + Math.ceil(packed / 128) + 1);
      }),
    );
  });
});

describe('hierarchicalDecode', () => {
  it.each([
    ['a last byte of 9 bits', [9, 0, 1], 0],
    ['a missing item', [8], 1],
    ['literals that are cut off', [8, 2, 1, 1], 1],
    ['a repetition without its byte', [8, 0, 1, 130], 3],
  ])('refuses %s and says where', (_, code, position) => {
    expect(() => hierarchicalDecode(Uint8Array.from(code))).toThrow(
      expect.objectContaining({ code: 'E_CODEC', details: { position } }),
    );
  });

  it('refuses set bits after the last', () => {
    expect(() => hierarchicalDecode(Uint8Array.from([3, 0, 0b11100001]))).toThrow(/bit after the last/);
  });
});

describe('adaptiveEncode', () => {
  it('picks the smallest and says which', () => {
    fc.assert(
      fc.property(anyBits, (bits) => {
        fc.pre(bits.length > 0);
        const sizes = [runLengthEncode, deltaEncode, hierarchicalEncode].map((encode) => encode(bits).length);
        const code = adaptiveEncode(bits);
        expect(code.length).toBe(Math.min(...sizes) + 1);
        expect(sizes[code[0]!]).toBe(Math.min(...sizes));
      }),
    );
  });

  it.each([
    ['one short run', new Uint8Array(5), 0],
    ['runs of uneven length', Uint8Array.from([...new Uint8Array(99).fill(1), ...new Uint8Array(77), 1, 1, 1]), 1],
    ['alternating bits', bytesToBits(new Uint8Array(50).fill(0xaa)), 2],
  ])('writes %s with the shortest scheme', (_, bits, scheme) => {
    expect(adaptiveEncode(bits)[0]).toBe(scheme);
  });

  it('is refused with an unknown scheme or nothing after it', () => {
    expect(() => adaptiveDecode(Uint8Array.from([3, 0, 1]))).toThrow(/the scheme is 3/);
    expect(() => adaptiveDecode(Uint8Array.from([0]))).toThrow(/nothing follows/);
  });
});
