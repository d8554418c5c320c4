import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { openDataset } from '../dataset.js';
import { prepareData } from '../prepare.js';
import { exampleBytes, exampleOf } from './example.js';
import { frameOf, readFrames } from './frames.js';
import { writeTfRecords } from './write.js';

const folder = mkdtempSync(join(tmpdir(), 'nonet-tfrecord-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Three records as the Python package `tfrecord` 1.14 writes them: one value, integers, two values. */
const golden = Buffer.from(
  'LQAAAAAAAAA8QYr7CisKHAoEdGV4dBIUChIKEENhbGwgbWUgSXNobWFlbC4KCwoCaWQSBRoDCgEBb+Xb5xgAAAAAAAAAo39LIgoWChQKBHRleHQSDBoK' +
    'CghTb21lIP8BANKepAgVAAAAAAAAANaraysKEwoRCgR0ZXh0EgkKBwoBYQoCYmMRw7Cd',
  'base64',
);
const goldenText = Buffer.concat([Buffer.from('Call me Ishmael.Some '), Buffer.of(255, 0), Buffer.from('abc')]);

const prepared = async (name: string, contents: Uint8Array, options = {}) => {
  const path = join(folder, name);
  writeFileSync(path, contents);
  const { folder: at, warnings } = await prepareData({ path, validationShare: 0, ...options }, join(folder, '.data'));
  const dataset = await openDataset(at);
  const bytes = Buffer.from(dataset.trainBytes.read(0, dataset.trainBytes.length));
  dataset.close();
  return { bytes, warnings };
};

/** A record whose feature `text` holds a list of the kind with that field number. */
const exampleWith = (field: number, list: readonly number[]): Uint8Array => {
  const message = (tag: number, content: readonly number[]): number[] => [(tag << 3) | 2, content.length, ...content];
  const value = message(2, message(field, list));
  return Uint8Array.from(message(1, message(1, [...message(1, [...Buffer.from('text')]), ...value])));
};

const framesOf = async (bytes: Uint8Array, size: number): Promise<Buffer[]> => {
  const pieces = async function* () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  };
  const records: Buffer[] = [];
  for await (const { record } of readFrames(pieces(), { path: 'x' })) records.push(Buffer.from(record));
  return records;
};

describe('TFRecord files', () => {
  it('are read as another program wrote them, compressed or not', async () => {
    expect((await prepared('a.tfrecord', golden)).bytes).toEqual(goldenText);
    expect((await prepared('a.tfrecords.gz', gzipSync(golden))).bytes).toEqual(goldenText);
  });

  it('are written byte for byte as that program does', () => {
    const text = new TextEncoder().encode('Some ');
    const values = Buffer.concat([text, Buffer.of(255, 0)]);
    const record = frameOf(exampleOf(values, 'text', 'int64'));
    expect(golden.includes(Buffer.from(record))).toBe(true);
  });

  it('give back any records in any pieces, of either kind', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
        fc.integer({ min: 1, max: 400 }),
        fc.constantFrom('bytes' as const, 'int64' as const),
        async (texts, size, kind) => {
          const frames = texts.map((text) => frameOf(exampleOf(text, 'a', kind)));
          const records = await framesOf(Buffer.concat(frames), size);
          const read = records.map((record, i) => exampleBytes(record, { path: 'x', number: i + 1, feature: 'a' }));
          expect(read.map((bytes) => [...bytes])).toEqual(texts.map((text) => [...text]));
        },
      ),
    );
  });

  /** The second record starts at byte 61. */
  const flipped = (at: number): Buffer => {
    const bytes = Buffer.from(golden);
    bytes[at] = bytes[at]! ^ 4;
    return bytes;
  };
  it.each([
    ['bytes', flipped(80), /record 2 at byte 61: the checksum of its bytes/, 'Call me Ishmael.abc'],
    ['length', flipped(62), /record 2 at byte 61: the checksum of its length/, 'Call me Ishmael.'],
    ['end', golden.subarray(0, 130), /record 3 at byte 101: the file ends inside it/, 'Call me Ishmael.Some \xff\0'],
    ['start', golden.subarray(0, 67), /record 2 at byte 61: the file ends inside its length/, 'Call me Ishmael.'],
  ])('name a damaged record (%s), or go on without it', async (name, bytes, message, rest) => {
    const file = `damaged-${name}.tfrecord`;
    await expect(prepared(file, bytes)).rejects.toMatchObject({
      code: 'E_DATA',
      message: expect.stringMatching(message),
    });
    const { bytes: read, warnings } = await prepared(file, bytes, { damaged: 'skip' });
    expect(read.toString('latin1')).toBe(rest);
    expect(warnings).toEqual([expect.stringMatching(message)]);
    // The warning is there also when the data needs not be read again.
    expect((await prepared(file, bytes, { damaged: 'skip' })).warnings).toEqual(warnings);
  });

  it.each<[string, { textField?: string }, Uint8Array, RegExp]>([
    [
      'another feature',
      { textField: 'body' },
      golden,
      /record 1: the feature "body" is missing \(features here: text, id\)/,
    ],
    ['no Example', {}, frameOf(Buffer.from('plain text')), /record 1: not a tf.train.Example/],
    [
      'integers that are no bytes',
      {},
      frameOf(exampleWith(3, [0x0a, 2, 0xac, 2])),
      /record 1: value 1 of "text" is 300/,
    ],
    [
      'negative integers',
      {},
      frameOf(exampleWith(3, [8, ...Array(9).fill(0xff), 1])),
      /record 1: value 1 of "text" is -1/,
    ],
    ['floats', {}, frameOf(exampleWith(2, [0x0a, 4, 0, 0, 0, 0])), /record 1: the feature "text" holds floats/],
    ['a length past the end', {}, frameOf(exampleWith(1, [0x0a, 9])), /record 1: not a tf.train.Example/],
  ])('say what is wrong with sound records: %s', async (name, options, bytes, message) => {
    await expect(prepared(`${name}.tfrecord`, bytes, options)).rejects.toMatchObject({
      code: 'E_DATA',
      message: expect.stringMatching(message),
    });
    // The first of two is left out where such records are; what cannot be read anywhere is an error all the same.
    const good = frameOf(exampleOf(Buffer.from('good'), options.textField ?? 'text', 'bytes'));
    const left = await prepared(`${name}-2.tfrecord`, Buffer.concat([bytes, good]), { ...options, damaged: 'skip' });
    expect(left.bytes.toString()).toBe('good');
    expect(left.warnings[0]).toMatch(message);
    await expect(prepared(`${name}.tfrecord`, bytes, { ...options, damaged: 'skip' })).rejects.toThrow(
      /nothing is left.*record 1: /,
    );
  });
});

describe('writeTfRecords', () => {
  it('writes the two parts of JSONL with a separator between documents, and nothing else', async () => {
    const path = join(folder, 'texts.jsonl.gz');
    writeFileSync(path, gzipSync(['aaaa', 'bbbb', 'cccc'].map((text) => `{"text":"${text}"}\n`).join('')));
    const [out, validationOut] = [join(folder, 'out.tfrecord'), join(folder, 'rest.tfrecord')];
    const before = readdirSync(folder);
    const options = { path, separator: 4, out, validationOut, validationShare: 0.25, recordBytes: 4 };
    expect(await writeTfRecords(options)).toEqual([
      { path: out, records: 3, bytes: 10 },
      { path: validationOut, records: 1, bytes: 4 },
    ]);
    expect((await prepared('out.tfrecord', readFileSync(out))).bytes.toString()).toBe('aaaa\x04bbbb\x04');
    expect((await prepared('rest.tfrecord', readFileSync(validationOut))).bytes.toString()).toBe('cccc');
    expect(readdirSync(folder).filter((name) => !before.includes(name))).toEqual(['out.tfrecord', 'rest.tfrecord']);
  });

  it('overwrites a file that is there when told so, and never its input', async () => {
    const [path, out] = [join(folder, 'plain.txt'), join(folder, 'plain.tfrecord')];
    writeFileSync(path, 'some text');
    writeFileSync(out, 'kept');
    await expect(writeTfRecords({ path, out })).rejects.toMatchObject({ code: 'E_FILE' });
    expect(readFileSync(out, 'utf8')).toBe('kept');
    await writeTfRecords({ path, out, force: true });
    expect((await prepared('plain.tfrecord', readFileSync(out))).bytes.toString()).toBe('some text');
    const over = { path: folder, out: path, force: true };
    await expect(writeTfRecords(over)).rejects.toMatchObject({ code: 'E_FILE' });
    expect(readFileSync(path, 'utf8')).toBe('some text');
  });

  it('goes on without damaged records, and says which, when told so', async () => {
    const [path, out] = [join(folder, 'half.tfrecord'), join(folder, 'rest-of-it.tfrecord')];
    const bad = Buffer.from(golden);
    bad[80] = bad[80]! ^ 4;
    writeFileSync(path, bad);
    await expect(writeTfRecords({ path, out })).rejects.toThrow(/data\.damaged=skip, or --damaged skip/);
    const warnings: string[] = [];
    await writeTfRecords({ path, out, damaged: 'skip', warn: (warning) => warnings.push(warning) });
    expect((await prepared('rest-of-it.tfrecord', readFileSync(out))).bytes.toString()).toBe('Call me Ishmael.abc');
    expect(warnings).toEqual([expect.stringMatching(/left out: .*record 2/)]);
  });

  it('leaves nothing behind where it fails', async () => {
    const out = join(folder, 'none.tfrecord');
    await expect(writeTfRecords({ path: join(folder, 'nowhere.txt'), out })).rejects.toMatchObject({ code: 'E_FILE' });
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(folder).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });
});
