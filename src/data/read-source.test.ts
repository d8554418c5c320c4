import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { type ReadOptions, readSource } from './read-source.js';
import { resolveSources } from './sources.js';

const folder = mkdtempSync(join(tmpdir(), 'nonet-read-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Every byte value, in more bytes than are read at a time. */
const bytes = Uint8Array.from({ length: 600_000 }, (_, index) => (index * 2654435761) >>> 13);
/** `Call me Ishmael.` by zstd. */
const zstd = Buffer.from('KLUv/QBYgQAAQ2FsbCBtZSBJc2htYWVsLg==', 'base64');

async function read(name: string, contents: Uint8Array | string, options: ReadOptions = {}): Promise<Buffer> {
  const path = join(folder, name);
  writeFileSync(path, contents);
  const [file] = await resolveSources(path);
  const pieces: Uint8Array[] = [];
  for await (const piece of readSource(file!, options)) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('readSource', () => {
  it('gives any bytes as they are', async () => {
    expect(Buffer.compare(await read('a.bin', bytes), bytes)).toBe(0);
  });

  it('decompresses gzip, several members included', async () => {
    const twice = Buffer.concat([gzipSync(bytes), gzipSync('and more')]);
    expect(Buffer.compare(await read('a.gz', twice), Buffer.concat([bytes, Buffer.from('and more')]))).toBe(0);
  });

  it('decompresses zstd', async () => {
    expect((await read('a.txt.zst', zstd)).toString()).toBe('Call me Ishmael.');
  });

  it('reads JSONL, compressed or not', async () => {
    const lines = '{"text":"a"}\n{"text":"b"}\n';
    expect((await read('a.jsonl', lines)).toString()).toBe('a\nb');
    expect((await read('a.jsonl.gz', gzipSync(lines), { separator: 0 })).toString()).toBe('a\0b');
  });

  it.each([
    ['a truncated gzip', 't.gz', gzipSync(bytes).subarray(0, 1000)],
    [
      'a gzip with a flipped bit',
      'f.gz',
      gzipSync('Call me Ishmael.').map((byte, at) => (at === 14 ? byte ^ 1 : byte)),
    ],
    ['a text that is no gzip', 'n.txt.gz', 'plain'],
    ['a truncated zstd', 't.zst', zstd.subarray(0, 15)],
    ['a text that is no zstd', 'n.jsonl.zst', 'plain text'],
  ])('says which file is damaged: %s', async (_, name, contents) => {
    await expect(read(name, contents)).rejects.toMatchObject({
      code: 'E_DATA',
      message: expect.stringMatching(new RegExp(`${name} is damaged`)),
    });
  });

  it('names a file that disappeared', async () => {
    const [file] = await resolveSources(folder);
    const gone = readSource({ ...file!, path: join(folder, 'gone.gz'), compression: 'gzip' });
    await expect(gone.next()).rejects.toMatchObject({ code: 'E_FILE' });
  });
});
