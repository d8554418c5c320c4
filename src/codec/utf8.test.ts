import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeUtf8, encodeUtf8, firstInvalidUtf8, utf8Allowed, utf8Next, utf8Remaining, utf8States } from './utf8.js';

/** Any characters but surrogates, the short encodings as often as the long ones. */
const anyText = fc
  .array(fc.oneof(fc.nat(0x7f), fc.nat(0x7ff), fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff })))
  .map((codes) => String.fromCodePoint(...codes));

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function platformAccepts(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

describe('firstInvalidUtf8', () => {
  it('accepts exactly what the platform accepts', () => {
    // Bytes near the borders of the ranges, where mistakes would be.
    const byte = fc.constantFrom(
      0x41,
      0x7f,
      0x80,
      0x8f,
      0x90,
      0x9f,
      0xa0,
      0xbf,
      0xc1,
      0xc2,
      0xdf,
      0xe0,
      0xe1,
      0xed,
      0xef,
      0xf0,
      0xf1,
      0xf4,
      0xf5,
      0xff,
    );
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 6 }), (values) => {
        const bytes = Uint8Array.from(values);
        expect(firstInvalidUtf8(bytes) === -1).toBe(platformAccepts(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it('accepts every character', () => {
    for (let code = 0; code <= 0x10ffff; code += 61) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      expect(firstInvalidUtf8(new TextEncoder().encode(String.fromCodePoint(code)))).toBe(-1);
    }
  });

  it.each([
    ['a stray continuation', [0x41, 0x80], 1],
    ['an overlong form', [0x41, 0xc0, 0x80], 1],
    ['a surrogate', [0x41, 0x42, 0xed, 0xa0, 0x80], 2],
    ['a character that another interrupts', [0xe2, 0x82, 0x41], 0],
    ['a character that is cut off', [0x41, 0xf0, 0x9f, 0x98], 1],
    ['a value above U+10FFFF', [0xf4, 0x90, 0x80, 0x80], 0],
  ])('gives the start of %s', (_, bytes, position) => {
    expect(firstInvalidUtf8(Uint8Array.from(bytes))).toBe(position);
  });
});

describe('the state machine', () => {
  it('lets every state reach the boundary in the promised number of bytes, and no fewer', () => {
    for (let state = 0; state < utf8States; state++) {
      for (let byte = 0; byte < 256; byte++) {
        if (state === 0 || utf8Allowed[state * 256 + byte] === 0) continue;
        expect(utf8Remaining[utf8Next[state * 256 + byte]!]).toBe(utf8Remaining[state]! - 1);
      }
    }
  });

  it('offers at least one byte in every state', () => {
    for (let state = 0; state < utf8States; state++) {
      expect(utf8Allowed.subarray(state * 256, state * 256 + 256)).toContain(1);
    }
  });

  it('only ever walks through valid text, whatever allowed bytes are picked', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(255), { maxLength: 40 }), (picks) => {
        const bytes: number[] = [];
        let state = 0;
        const follow = (pick: number) => {
          const allowed = [...Array(256).keys()].filter((byte) => utf8Allowed[state * 256 + byte] === 1);
          const byte = allowed[pick % allowed.length]!;
          bytes.push(byte);
          state = utf8Next[state * 256 + byte]!;
        };
        picks.forEach(follow);
        while (state !== 0) follow(0);
        expect(platformAccepts(Uint8Array.from(bytes))).toBe(true);
      }),
    );
  });
});

describe('encodeUtf8 and decodeUtf8', () => {
  it('bring every text back, a byte order mark included', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(decodeUtf8(encodeUtf8(text))).toBe(text);
      }),
    );
    expect(decodeUtf8(encodeUtf8('\ufeffa'))).toBe('\ufeffa');
  });

  it('refuse half a surrogate pair and say where', () => {
    expect(() => encodeUtf8('ab\ud800c')).toThrow(
      expect.objectContaining({ code: 'E_CODEC', details: { position: 2 } }),
    );
    expect(encodeUtf8('\ud83d\ude00')).toEqual(new Uint8Array([0xf0, 0x9f, 0x98, 0x80]));
  });

  it('refuse ill-formed bytes unless asked to be lossy', () => {
    const bytes = new Uint8Array([0x41, 0xff, 0x42]);
    expect(() => decodeUtf8(bytes)).toThrow(/invalid UTF-8 at byte 1 \(ff 42\)/);
    expect(decodeUtf8(bytes, { lossy: true })).toBe('A\ufffdB');
  });
});
