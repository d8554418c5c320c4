import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { fileStore, memoryStore, sliceStore } from './byte-store.js';

const folder = mkdtempSync(join(tmpdir(), 'nonet-store-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytes = Uint8Array.from({ length: 400_000 }, (_, index) => (index * 2654435761) >>> 24);
const path = join(folder, 'bytes');
writeFileSync(path, bytes);

describe('fileStore', () => {
  it('reads what a buffer of the whole file would, across pages and with a cache of two', () => {
    const store = fileStore(path, 2);
    fc.assert(
      fc.property(fc.nat(bytes.length), fc.nat(bytes.length), (a, b) => {
        const offset = Math.min(a, b);
        const length = Math.max(a, b) - offset;
        expect(Buffer.compare(store.read(offset, length), bytes.subarray(offset, offset + length))).toBe(0);
      }),
      { numRuns: 200 },
    );
    store.close();
  });

  it('reads short pieces that straddle pages', () => {
    const store = fileStore(path, 1);
    for (const offset of [65_535, 65_536, 131_071, 399_990]) {
      expect([...store.read(offset, 10)]).toEqual([...bytes.subarray(offset, offset + 10)]);
    }
    store.close();
  });

  it('names a file that is missing or that became shorter', () => {
    expect(() => fileStore(join(folder, 'nowhere'))).toThrow(expect.objectContaining({ code: 'E_FILE' }));
    const short = join(folder, 'short');
    writeFileSync(short, bytes.subarray(0, 100));
    const store = fileStore(short);
    truncateSync(short, 10);
    expect(() => store.read(50, 10)).toThrow(/became shorter/);
    store.close();
  });
});

it.each([
  ['before the start', -1, 2],
  ['past the end', 9, 2],
  ['at a fraction', 0.5, 2],
])('refuses a read %s', (_, offset, length) => {
  const store = memoryStore(bytes.subarray(0, 10));
  expect(() => store.read(offset, length)).toThrow(expect.objectContaining({ code: 'E_DATA' }));
});

it('keeps a slice inside its bounds', () => {
  const store = sliceStore(memoryStore(Uint8Array.of(0, 1, 2, 3, 4)), 1, 3);
  expect([...store.read(0, 3)]).toEqual([1, 2, 3]);
  expect(() => store.read(2, 2)).toThrow(expect.objectContaining({ code: 'E_DATA' }));
  expect(() => sliceStore(store, 2, 2)).toThrow(expect.objectContaining({ code: 'E_DATA' }));
});
