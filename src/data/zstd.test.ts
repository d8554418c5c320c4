import { describe, expect, it } from 'vitest';
import { decompressZstd } from './zstd.js';

/** `zstd -19` of the first sentences of Moby Dick, with content size and checksum. */
const sentences = Buffer.from(
  'KLUv/SS+HQQAcoseEpDPAZAPnAhhV0SVnz/t4PxfOkCYT9rHvDEjnxpte/K5FO01Tx449pJ/fXafkiPPx97z0TSK2IwGXj22Zr+nZx5YRgp/3R/75dfu' +
    '/R773OZk7eqxatbDbSwZ4givXrfbXk+PuUeu/B5amcto+J5dl4vGxi1Jzu6tmREBADU5C1KXq1iC',
  'base64',
);
/** `zstd --no-check` from a pipe: neither size nor checksum, one raw block. */
const bare = Buffer.from('KLUv/QBYgQAAQ2FsbCBtZSBJc2htYWVsLg==', 'base64');
const empty = Buffer.from('KLUv/SQAAQAAmenYUQ==', 'base64');
const skippable = Buffer.from('502a4d1803000000616263', 'hex');

const text =
  'Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse, and nothing ' +
  'particular to interest me on shore, I thought I would sail about a little.\n';

async function* inPieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function decompress(bytes: Uint8Array, size = 7): Promise<string> {
  const blocks: Uint8Array[] = [];
  for await (const block of decompressZstd(inPieces(bytes, size))) blocks.push(block);
  return Buffer.concat(blocks).toString();
}

describe('decompressZstd', () => {
  it.each([1, 2, 17, 1000])('gives the text back, read %i bytes at a time', async (size) => {
    expect(await decompress(sentences, size)).toBe(text);
    expect(await decompress(bare, size)).toBe('Call me Ishmael.');
    expect(await decompress(empty, size)).toBe('');
  });

  it('joins frames and passes over skippable ones', async () => {
    expect(await decompress(Buffer.concat([bare, skippable, sentences, empty, bare]))).toBe(
      `Call me Ishmael.${text}Call me Ishmael.`,
    );
  });

  it('notices every truncation', async () => {
    for (let length = 0; length < sentences.length; length++) {
      await expect(decompress(sentences.subarray(0, length)), `${length} bytes`).rejects.toThrow();
    }
  });

  it('notices every flipped bit of a frame with a checksum, or gives the same text', async () => {
    for (let bit = 0; bit < sentences.length * 8; bit++) {
      const damaged = Buffer.from(sentences);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      // A few bits carry nothing: reserved ones, and the window of a frame that needs less. All else must throw.
      const result = await decompress(damaged).catch(() => text);
      expect(result, `bit ${bit}`).toBe(text);
    }
  });

  it('refuses what is no zstd', async () => {
    await expect(decompress(Buffer.from('plain text'))).rejects.toThrow('a zstd frame is expected');
  });
});
