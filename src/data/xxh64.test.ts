import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createXxh64 } from './xxh64.js';

const hashOf = (...pieces: Uint8Array[]) => {
  const hash = createXxh64();
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
};

it.each([
  ['', 0xef46db3751d8e999n],
  ['a', 0xd24ec4f1a98c6e5bn],
  ['abc', 0x44bc2cf5ad770999n],
  ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
])('hashes %j as the published vectors say', (text, hash) => {
  expect(hashOf(Buffer.from(text))).toBe(hash);
});

it('does not depend on how the bytes are cut into pieces', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), fc.nat(200), (bytes, a, b) => {
      const [first, second] = [Math.min(a, b), Math.max(a, b)];
      const pieces = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
      expect(hashOf(...pieces)).toBe(hashOf(bytes));
    }),
  );
});
