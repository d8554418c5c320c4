import { describe, expect, it } from 'vitest';
import { ByteStream, wholeCharacters } from './stream.js';
import { bytes } from './test-support.js';

const collect = (utf8: boolean) => {
  const pieces: number[][] = [];
  const stream = new ByteStream((piece) => pieces.push([...piece]), utf8);
  return { stream, pieces };
};

describe('a stream of bytes', () => {
  it('sends each byte once and holds back the last ones', () => {
    const { stream, pieces } = collect(false);
    for (const byte of [1, 2, 3]) stream.push(byte);
    stream.flush(1);
    stream.flush(1);
    stream.push(4);
    stream.flush(0);
    expect(pieces).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect([...stream.result]).toEqual([1, 2, 3, 4]);
  });

  it('takes back bytes that were not sent', () => {
    const { stream, pieces } = collect(false);
    for (const byte of [1, 2, 3]) stream.push(byte);
    stream.drop(2);
    stream.flush(0);
    expect(pieces).toEqual([[1]]);
  });

  it('sends whole characters and leaves out one that is cut', () => {
    const { stream, pieces } = collect(true);
    const euro = bytes('€');
    stream.push(65);
    stream.push(euro[0]!);
    stream.flush(0);
    expect(pieces).toEqual([[65]]);
    stream.push(euro[1]!);
    stream.push(euro[2]!);
    stream.push(euro[0]!);
    stream.flush(0);
    expect(pieces[1]).toEqual([...euro]);
    expect([...stream.result]).toEqual([65, ...euro]);
  });
});

describe('whole characters', () => {
  it('are counted up to the last one that is complete', () => {
    const text = bytes('aé€😀');
    expect([0, 1, 2, 3, 5, 6, 9, 10].map((end) => wholeCharacters(text, 0, end))).toEqual([0, 1, 1, 3, 3, 6, 6, 10]);
    expect(wholeCharacters(text, 1, 3)).toBe(2);
  });
});
