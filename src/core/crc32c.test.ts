import { describe, expect, it } from 'vitest';
import { crc32c } from './crc32c.js';

describe('crc32c', () => {
  // RFC 3720, B.4
  it.each([
    ['zeros', new Uint8Array(32), 0x8a9136aa],
    ['ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['rising', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['falling', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['digits, which fill no eight bytes', new TextEncoder().encode('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('gives the published value of %s', (_name, bytes, value) => {
    expect(crc32c(bytes)).toBe(value);
  });
});
