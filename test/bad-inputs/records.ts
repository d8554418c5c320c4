import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { exampleOf } from '../../src/data/tfrecord/example.js';
import { frameOf } from '../../src/data/tfrecord/frames.js';
import { type BadInput, flipped, text, train } from './world.js';

const record = exampleOf(new TextEncoder().encode(text), 'text', 'bytes');
const whole = Buffer.from(frameOf(record));

/** The whole record with one bit of a byte turned over. */
const turned = (at: number): Buffer => {
  const bytes = Buffer.from(whole);
  bytes[at] = bytes[at]! ^ 1;
  return bytes;
};

/** An Example whose feature `text` has a list of the kind with that field number. */
const exampleWith = (field: number, ...list: number[]): Uint8Array => {
  const message = (tag: number, content: readonly number[]): number[] => [(tag << 3) | 2, content.length, ...content];
  const entry = [...message(1, [...Buffer.from('text')]), ...message(2, message(field, list))];
  return frameOf(Uint8Array.from(message(1, message(1, entry))));
};

/** Wrong records of TFRecord files, wrong WikiText, wrong debug sources. */
export const recordCases: readonly BadInput[] = [
  records('that ends inside a record', whole.subarray(0, 100), /record 1 at byte 0: the file ends inside it/),
  records('that ends inside a length', whole.subarray(0, 6), /the file ends inside its length/),
  records('that ends inside the second record', Buffer.concat([whole, whole.subarray(0, 50)]), /record 2 at byte \d+/),
  records('with a damaged text', Buffer.from(flipped(whole)), /the checksum of its bytes does not match/),
  records('with a damaged length', turned(0), /the checksum of its length does not match/),
  records('with a damaged checksum', turned(whole.length - 1), /the checksum of its bytes does not match/),
  records('that is plain text', Buffer.from(text), /the checksum of its length does not match/),
  records('of records that are no Examples', frameOf(Buffer.from('plain text')), /record 1: not a tf\.train\.Example/),
  records('of floats', exampleWith(2, 0x0a, 4, 0, 0, 0, 0), /the feature "text" holds floats/),
  records('of integers above 255', exampleWith(3, 0x0a, 2, 0xac, 2), /value 1 of "text" is 300/),
  records('of negative integers', exampleWith(3, 8, ...Array<number>(9).fill(0xff), 1), /value 1 of "text" is -1/),
  records('without the feature', whole, /the feature "body" is missing \(features here: text\)/, 'data.textField=body'),
  records('without a byte', Buffer.alloc(0), /empty/),
  records('of empty records', frameOf(exampleOf(new Uint8Array(), 'text', 'bytes')), /empty/),
  records('with nothing but damage, left out', turned(0), /nothing is left.*checksum/, 'data.damaged=skip'),
  records(
    'whose records all lack the feature, left out',
    whole,
    /nothing is left.*the feature "body" is missing/,
    ...['data.textField=body', 'data.damaged=skip'],
  ),
  {
    ...records('that is compressed and cut off', gzipSync(whole).subarray(0, 60), /damaged or no gzip file/),
    arrange: () => writeFile('wrong.tfrecord.gz', gzipSync(whole).subarray(0, 60)),
    argv: [...train('data.path=wrong.tfrecord.gz'), '--json'],
  },
  wikitext('without a training part', 'wiki.test.raw', text, /no training part/),
  wikitext('of a validation part alone', 'wiki.valid.raw', text, /no training part/),
  wikitext('with an empty training part', 'wiki.train.raw', '', /empty/),
  debug('0', 'E_DATA', /debug:0.*empty/),
  debug('-1', 'E_CONFIG', /debug:-1: .*debug:100000/),
  debug('abc', 'E_CONFIG', /debug:abc: .*debug:100000/),
  debug('', 'E_CONFIG', /debug:: .*debug:100000/),
  debug('1e30', 'E_CONFIG', /debug:1e30: /),
  debug('99999999999999999999', 'E_CONFIG', /debug:9+: /),
  debug('5', 'E_DATA', /shorter than one window/),
];

/** Wrong command lines of `nonet tfrecord`. */
export const tfrecordCases: readonly BadInput[] = [
  tfrecord('without a place to write to', 'text.txt', 'E_USAGE', /required option '--out <FILE>'/),
  tfrecord('of nothing', '--out a.tfrecord', 'E_USAGE', /missing required argument 'PATH'/),
  tfrecord('of a file that is missing', 'none.txt --out a.tfrecord', 'E_FILE', /none\.txt.*no such file/),
  tfrecord('of an empty file', 'empty.txt --out a.tfrecord', 'E_DATA', /empty/),
  tfrecord('into a folder', 'text.txt --out nothing-here', 'E_FILE', /nothing-here/),
  tfrecord('below a file', 'text.txt --out text.txt/a.tfrecord', 'E_FILE', /text\.txt/),
  tfrecord('with a share of 2', 'text.txt --out a.tfrecord --validation-share 2', 'E_USAGE', /above 0 and below 1/),
  tfrecord('in records of no bytes', 'text.txt --out a.tfrecord --record-bytes 0', 'E_USAGE', /whole number from 1/),
  tfrecord('set apart by byte 300', 'text.txt --out a.tfrecord --separator 300', 'E_USAGE', /from 0 to 255/),
  tfrecord('as floats', 'text.txt --out a.tfrecord --kind floats', 'E_USAGE', /bytes, int64/),
  tfrecord('over their input', 'text.txt --out ./text.txt --force', 'E_FILE', /is the input .*text\.txt as well/),
  tfrecord('over an input, through a link', 'text.txt --out link.txt --force', 'E_FILE', /link\.txt is the input/),
  tfrecord(
    'twice into one file',
    'text.txt --out a.tf --validation-out ./a.tf',
    'E_FILE',
    /\.\/a\.tf is the output a\.tf/,
  ),
  tfrecord(
    'with the validation part over the input',
    'text.txt --out a.tf --validation-out text.txt',
    ...(['E_FILE', /text\.txt is the input/] as const),
  ),
  tfrecord('over a file', 'text.txt --out short.txt', 'E_FILE', /short\.txt exists already: --force/),
  tfrecord('with an unknown way with damage', 'text.txt --out a.tf --damaged no', 'E_USAGE', /error, skip/),
  tfrecord('of JSONL without the field', 'fields.jsonl --out a.tfrecord', 'E_DATA', /line 2: .*"text"/),
];

function records(name: string, bytes: Uint8Array, says: RegExp, ...settings: string[]): BadInput {
  return {
    name: `a TFRecord file ${name}`,
    arrange: () => writeFile('wrong.tfrecord', bytes),
    argv: [...train('data.path=wrong.tfrecord', ...settings), '--json'],
    code: 'E_DATA',
    says,
  };
}

function wikitext(name: string, file: string, contents: string, says: RegExp): BadInput {
  const folder = `wiki-${file}`;
  const arrange = async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, file), contents);
  };
  return { name: `WikiText ${name}`, arrange, argv: [...train(`data.path=${folder}`), '--json'], code: 'E_DATA', says };
}

function debug(bytes: string, code: BadInput['code'], says: RegExp): BadInput {
  return { name: `the source debug:${bytes}`, argv: [...train(`data.path=debug:${bytes}`), '--json'], code, says };
}

function tfrecord(name: string, words: string, code: BadInput['code'], says: RegExp): BadInput {
  const arrange = async () => {
    await rm('link.txt', { force: true });
    await symlink('text.txt', 'link.txt');
  };
  return { name: `records written ${name}`, arrange, argv: ['tfrecord', ...words.split(' '), '--json'], code, says };
}
