import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../core/hash.js';
import type { NamedArray } from './named-array.js';
import { openSafetensors, readSafetensors, writeSafetensors } from './safetensors.js';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nonet-safetensors-'));
  path = join(folder, 'model.safetensors');
});

afterEach(() => rm(folder, { recursive: true }));

const weight: NamedArray = { name: 'w', dtype: 'F32', shape: [2, 1], data: new Float32Array([1, -2]) };

/** A file with any header, right or wrong, and so many bytes of data. */
async function writeRaw(header: string | Uint8Array, dataBytes: number): Promise<void> {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  await writeFile(path, Buffer.concat([length, json, new Uint8Array(dataBytes)]));
}

const entry = (start: number, end: number, rest = '"dtype":"U8","shape":[4]'): string =>
  `{${rest},"data_offsets":[${start},${end}]}`;

describe('writeSafetensors', () => {
  it('writes the bytes of the format: length, JSON padded with spaces to 8, data', async () => {
    const written = await writeSafetensors(path, [weight], { metadata: { format: 'pt' } });
    const json = '{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}';
    const padded = json.padEnd(Math.ceil(json.length / 8) * 8, ' ');
    const expected = Buffer.concat([
      Buffer.from([padded.length, 0, 0, 0, 0, 0, 0, 0]),
      Buffer.from(padded),
      Buffer.from([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]),
    ]);
    const bytes = await readFile(path);
    expect(bytes).toEqual(expected);
    expect(written).toEqual({ bytes: bytes.length, sha256: sha256(bytes) });
  });

  it('puts larger elements first, so that every array is aligned to its element', async () => {
    const flag: NamedArray = { name: 'flag', dtype: 'BOOL', shape: [3], data: new Uint8Array([1, 0, 1]) };
    const wide: NamedArray = { name: 'wide', dtype: 'F64', shape: [], data: new Float64Array([Math.PI]) };
    await writeSafetensors(path, [flag, weight, wide]);
    const file = await openSafetensors(path);
    await file.close();
    expect(file.arrays.map(({ name, offset }) => [name, offset])).toEqual([
      ['wide', 0],
      ['w', 8],
      ['flag', 16],
    ]);
  });

  it('hashes and writes arrays that are larger than one piece', async () => {
    const data = new Uint8Array((1 << 22) + 3).map((_, index) => index * 31);
    const written = await writeSafetensors(path, [{ name: 'big', dtype: 'U8', shape: [data.length], data }]);
    expect(written.sha256).toBe(sha256(await readFile(path)));
    const [read] = (await readSafetensors(path)).arrays;
    // An assertion element by element would take half a minute.
    expect(Buffer.compare(read!.data as Uint8Array, data)).toBe(0);
  });

  it.each<[string, NamedArray[], RegExp]>([
    ['data shorter than the shape', [{ ...weight, shape: [3] }], /array w is F32\[3\], 12 bytes, but its data has 8/],
    ['data of another type', [{ ...weight, data: new Int32Array(2) }], /array w .* its data is a Int32Array/],
    ['a name twice', [weight, weight], /two arrays are called w/],
  ])('refuses %s and creates no file', async (_, arrays, message) => {
    const attempt = writeSafetensors(path, arrays);
    await expect(attempt).rejects.toMatchObject({ code: 'E_CHECKPOINT', message: expect.stringMatching(message) });
    expect(await readdir(folder)).toEqual([]);
  });

  it('leaves nothing of a file that could not be finished', async () => {
    const beforeArray = () => {
      throw Object.assign(new Error('write'), { code: 'ENOSPC' });
    };
    await expect(writeSafetensors(path, [weight], { beforeArray })).rejects.toMatchObject({
      code: 'E_FILE',
      message: expect.stringContaining('the disk is full'),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('never writes over an existing file', async () => {
    await writeFile(path, 'mine');
    await expect(writeSafetensors(path, [weight])).rejects.toMatchObject({ code: 'E_FILE' });
    expect(await readFile(path, 'utf8')).toBe('mine');
  });
});

describe('reading', () => {
  it('gives back what was written: names, shapes, bits and metadata', async () => {
    const bits = { min: 0, max: 2 ** 32 - 1 };
    const arrays = fc.uniqueArray(
      fc.record({
        name: fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__'),
        dtype: fc.constantFrom('F64', 'F32', 'I32', 'BF16', 'U8', 'BOOL'),
        shape: fc.array(fc.nat(4), { maxLength: 3 }),
        seed: fc.integer(bits),
      }),
      { selector: ({ name }) => name, maxLength: 6 },
    );
    let files = 0;
    await fc.assert(
      fc.asyncProperty(arrays, fc.dictionary(fc.string(), fc.string()), async (specs, metadata) => {
        const types = {
          F64: Float64Array,
          F32: Float32Array,
          I32: Int32Array,
          BF16: Uint16Array,
          U8: Uint8Array,
          BOOL: Uint8Array,
        };
        const written: NamedArray[] = specs.map(({ name, dtype, shape, seed }) => {
          const count = shape.reduce((product, size) => product * size, 1);
          return { name, dtype, shape, data: new types[dtype](count).map((_: number, i: number) => (seed >>> i) & 1) };
        });
        const file = `${path}${files++}`;
        await writeSafetensors(file, written, { metadata });
        const read = await readSafetensors(file);
        const byName = (a: NamedArray, b: NamedArray): number => (a.name < b.name ? -1 : 1);
        expect(read.arrays.sort(byName)).toEqual(written.sort(byName));
        expect(Object.entries(read.metadata).sort()).toEqual(Object.entries(metadata).sort());
      }),
      { numRuns: 40 },
    );
  });

  it('keeps the bits of NaN and minus zero', async () => {
    const data = new Float32Array(new Uint32Array([0x7fc00123, 0x80000000]).buffer);
    await writeSafetensors(path, [{ name: 'odd', dtype: 'F32', shape: [2], data }]);
    const [odd] = (await readSafetensors(path)).arrays;
    expect(new Uint32Array(odd!.data.buffer)).toEqual(new Uint32Array([0x7fc00123, 0x80000000]));
  });

  it('reads one array by its name, and says when there is none', async () => {
    const bias: NamedArray = { name: 'b', dtype: 'I32', shape: [1], data: new Int32Array([7]) };
    await writeSafetensors(path, [weight, bias]);
    const file = await openSafetensors(path);
    try {
      expect(await file.read('b')).toEqual(bias);
      await expect(file.read('c')).rejects.toMatchObject({
        code: 'E_CHECKPOINT',
        message: expect.stringMatching(/holds no array c/),
      });
    } finally {
      await file.close();
    }
  });

  it('never allocates what a header claims before it has seen that the file holds it', async () => {
    const size = 2 ** 40;
    await writeRaw(`{"huge":{"dtype":"U8","shape":[${size}],"data_offsets":[0,${size}]}}`, 0);
    await expect(openSafetensors(path)).rejects.toMatchObject({ message: expect.stringMatching(/truncated/) });
  });

  it('says when a file is missing', async () => {
    await expect(readSafetensors(path)).rejects.toMatchObject({ code: 'E_FILE', details: { errno: 'ENOENT' } });
  });

  it.each<[string, string | Uint8Array, number, RegExp]>([
    ['no JSON', '{"a":', 0, /header is not JSON/],
    ['invalid UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), 0, /header is not JSON/],
    ['a list', '[]', 0, /not a JSON object/],
    ['an entry that is no object', '{"a":1}', 0, /entry of a is not an object/],
    ['an unknown dtype', `{"a":${entry(0, 4, '"dtype":"F8","shape":[4]')}}`, 4, /a has the dtype "F8", known are F64/],
    ['a negative size', `{"a":${entry(0, 4, '"dtype":"U8","shape":[-4]')}}`, 4, /a has the shape \[-4\]/],
    ['offsets the wrong way', `{"a":${entry(4, 0)}}`, 4, /a has the data offsets \[4,0\]/],
    ['bytes that do not fit the shape', `{"a":${entry(0, 5)}}`, 5, /a has 5 bytes of data, U8\[4\] takes 4/],
    ['arrays that overlap', `{"a":${entry(0, 4)},"b":${entry(2, 6)}}`, 6, /b overlaps the array before it/],
    ['a hole', `{"a":${entry(0, 4)},"b":${entry(5, 9)}}`, 9, /1 bytes before b belong to no array/],
    ['missing data', `{"a":${entry(0, 4)}}`, 3, /truncated, 1 bytes of data are missing/],
    ['more data than arrays', `{"a":${entry(0, 4)}}`, 6, /2 bytes follow the last array/],
    ['metadata that is no string', '{"__metadata__":{"a":1}}', 0, /__metadata__.a is not a string/],
  ])('refuses %s', async (_, header, dataBytes, message) => {
    await writeRaw(header, dataBytes);
    const attempt = openSafetensors(path);
    await expect(attempt).rejects.toMatchObject({ code: 'E_CHECKPOINT', message: expect.stringMatching(message) });
    await expect(attempt).rejects.toThrow(path);
  });

  it.each<[string, number[], RegExp]>([
    ['an empty file', [], /it has 0 bytes/],
    ['a header that is too long', [0, 0, 0, 0, 0, 0, 0, 0x80], /header claims 9223372036854775808 bytes/],
    ['a header that ends early', [16, 0, 0, 0, 0, 0, 0, 0, 0x7b], /truncated within its header of 16 bytes/],
  ])('refuses %s', async (_, bytes, message) => {
    await writeFile(path, Uint8Array.from(bytes));
    await expect(openSafetensors(path)).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringMatching(message),
    });
  });

  it('refuses a file that is cut anywhere', async () => {
    await writeSafetensors(path, [weight]);
    const bytes = await readFile(path);
    for (let length = 0; length < bytes.length; length++) {
      await writeFile(path, bytes.subarray(0, length));
      await expect(readSafetensors(path), `${length} bytes`).rejects.toMatchObject({ code: 'E_CHECKPOINT' });
    }
  });
});
