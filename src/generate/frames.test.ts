import { describe, expect, it } from 'vitest';
import { encodeBytes } from '../codec/index.js';
import { byteOf, frameLayout, frameOf, hasWrongParity, patchOf } from './frames.js';

describe('frames of bytes', () => {
  it('hold the bits that the codec gives', () => {
    for (const parity of [false, true]) {
      const layout = frameLayout(1, parity);
      for (let byte = 0; byte < 256; byte++) {
        const frame = frameOf(byte, layout);
        const bits = Array.from({ length: layout.patchesPerByte }, (_, i) => patchOf(frame, i, layout));
        expect(bits).toEqual([...encodeBytes(Uint8Array.of(byte), { parity })]);
        expect(byteOf(frame, layout)).toBe(byte);
        expect(hasWrongParity(frame, layout)).toBe(false);
        expect(hasWrongParity(frame ^ 1, layout)).toBe(parity);
      }
    }
  });

  it('are cut into patches from the most significant bit on', () => {
    const layout = frameLayout(2);
    expect([0, 1, 2, 3].map((i) => patchOf(0b11_01_00_10, i, layout))).toEqual([3, 1, 0, 2]);
  });

  it('have parity where the patches cannot do without it', () => {
    expect([1, 2, 3, 4, 8, 9].map((bits) => frameLayout(bits).parity)).toEqual([
      false,
      false,
      true,
      false,
      false,
      true,
    ]);
  });

  it.each([[5], [6], [7], [10], [11], [12], [8, true], [9, false], [2, true]] as [number, boolean?][])(
    'refuse patches of %i bits (parity %s) that do not make bytes',
    (bits, parity) => {
      expect(() => frameLayout(bits, parity)).toThrow(expect.objectContaining({ code: 'E_PROMPT' }));
    },
  );
});
