import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compressedRows, runLengthDecode, runLengthEncode } from './run-length.js';

/** Bits with runs long and short, so that the split at 255 is met. */
const bitsWithRuns = fc.array(fc.tuple(fc.nat(1), fc.integer({ min: 1, max: 600 })), { maxLength: 8 }).map((runs) => {
  return Uint8Array.from(runs.flatMap(([value, count]) => new Array<number>(count).fill(value)));
});

describe('runLengthEncode', () => {
  it.each([
    [[], []],
    [[0], [0, 1]],
    [
      [1, 1, 0],
      [1, 2, 0, 1],
    ],
  ])('writes %j as %j', (bits, code) => {
    expect([...runLengthEncode(Uint8Array.from(bits))]).toEqual(code);
  });

  it('splits a long run, 255 first', () => {
    expect([...runLengthEncode(new Uint8Array(600).fill(1))]).toEqual([1, 255, 1, 255, 1, 90]);
    expect([...runLengthEncode(new Uint8Array(255))]).toEqual([0, 255]);
  });

  it('comes back through runLengthDecode', () => {
    fc.assert(
      fc.property(bitsWithRuns, (bits) => {
        expect(Buffer.compare(runLengthDecode(runLengthEncode(bits)), bits)).toBe(0);
      }),
    );
  });

  it('names an element that is no bit', () => {
    expect(() => runLengthEncode(new Uint8Array([0, 0, 4]))).toThrow(/bit 2 is 4/);
  });
});

describe('runLengthDecode', () => {
  it.each([
    ['an odd length', [0, 1, 1], 2, /count is missing/],
    ['a count of zero', [0, 1, 1, 0], 3, /count is 0/],
    ['another value', [0, 1, 2, 1], 2, /value is 2/],
  ])('refuses %s and says where', (_, code, position, message) => {
    expect(() => runLengthDecode(Uint8Array.from(code))).toThrow(
      expect.objectContaining({ code: 'E_CODEC', details: { position }, message: expect.stringMatching(message) }),
    );
  });

  it('takes runs that are split otherwise', () => {
    expect([...runLengthDecode(Uint8Array.from([1, 1, 1, 2]))]).toEqual([1, 1, 1]);
  });
});

describe('compressedRows', () => {
  it('lays codes one behind the other', () => {
    const codes = [[1, 3, 0, 1], [], [0, 4]].map((code) => Uint8Array.from(code));
    const { code, starts } = compressedRows([codes[0]!, codes[2]!], 4);
    expect([...code]).toEqual([1, 3, 0, 1, 0, 4]);
    expect([...starts]).toEqual([0, 4]);
    expect(compressedRows([codes[1]!], 0)).toEqual({ code: new Uint8Array(), starts: Int32Array.of(0) });
  });

  it.each([
    ['an odd length', [1, 3, 0], /cut off/],
    ['a run without bits', [1, 0, 1, 4], /count is 0/],
    ['a value that is no bit', [2, 4], /value is 2/],
    ['too few bits', [1, 3], /row 1: it has 3 bits, a row has 4/],
    ['too many bits', [1, 3, 0, 2], /row 1: it has 5 bits/],
  ])('refuses %s', (_, code, message) => {
    const codes = [Uint8Array.of(1, 4), Uint8Array.from(code)];
    expect(() => compressedRows(codes, 4)).toThrow(
      expect.objectContaining({ code: 'E_CODEC', message: expect.stringMatching(message) }),
    );
  });
});
