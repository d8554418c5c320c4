import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kernel, runKernel, runOver } from '../../../native/test/assemble.js';
import { bitsToPatches, runLengthEncode } from '../../codec/index.js';
import { decodeRunLength } from '../../tensor/index.js';
import { array, evaluateFunction } from '../../tensor/ops/evaluate-graph.js';
import { loadAddon, type NativeAddon } from './addon.js';

const addon = loadAddon().addon as NativeAddon;

/** Runs of lengths as they come, also ones that a pair does not hold. */
const bitsOf = (runs: readonly number[]): number[] => runs.flatMap((run, i) => new Array<number>(run).fill(i % 2));

const rowsOf = (bits: readonly number[], rows: number, perRow: number): Uint8Array[] =>
  Array.from({ length: rows }, (_, r) =>
    Uint8Array.from({ length: perRow }, (_, i) => bits[(r * perRow + i) % bits.length]!),
  );

const runs = fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 200, max: 600 })), {
  minLength: 1,
  maxLength: 30,
});

describe('decodeRunLength', () => {
  it('gives the patches of the plain rows, natively on any number of threads and by the reference', async () => {
    const property = fc.asyncProperty(
      ...[runs, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 9 })],
      async (lengths: number[], bitsPerPatch: number, patches: number, rows: number) => {
        const plain = rowsOf(bitsOf(lengths), rows, patches * bitsPerPatch);
        const codes = plain.map(runLengthEncode);
        // In any order, and with bytes between them that are no code.
        const starts: number[] = new Array(rows).fill(0);
        const code: number[] = [7];
        for (let r = rows - 1; r >= 0; r--) {
          starts[r] = code.length;
          code.push(...codes[r]!, 9);
        }
        const want = plain.flatMap((bits) => [...bitsToPatches(bits, bitsPerPatch)]);
        const [bytes, places] = [Uint8Array.from(code), Int32Array.from(starts)];
        for (const threads of [1, 2, 3]) {
          const out = new Int32Array(rows * patches).fill(-1);
          const params = [rows, patches, bitsPerPatch, bytes.length];
          const got = await runKernel(addon, kernel.decodeRunLength, [bytes, places, out], params, { threads });
          expect([...got[2]!]).toEqual(want);
        }
        const [reference] = evaluateFunction(
          (c, s) => [decodeRunLength(c!, s!, patches, bitsPerPatch)],
          array(code, [code.length], 'u8'),
          array(starts, [rows], 'i32'),
        );
        expect([...reference!.data]).toEqual(want);
      },
    );
    await fc.assert(property, { numRuns: 60, seed: 7 });
  });

  it.each([
    ['a value that is no bit', [2, 8], 0, /value is 2/],
    ['a run without bits', [1, 0, 1, 8], 0, /no bits/],
    ['a run beyond its row', [1, 9], 0, /beyond its row/],
    ['a row that is cut off', [1, 4, 0, 3], 0, /cut off|inside of a row/],
    ['a pair that is cut off', [1, 4, 0], 0, /cut off|inside of a row/],
    ['a row that begins before the code', [1, 8], -1, /begins at byte -1/],
    ['a row that begins behind the code', [1, 8], 2147483647, /cut off|inside of a row/],
  ])('refuses %s', async (_, code, start, message) => {
    const error = { code: 'E_PROGRAM', message: expect.stringMatching(message) };
    const arrays = [Uint8Array.from(code), Int32Array.of(start), new Int32Array(2)];
    await expect(runKernel(addon, kernel.decodeRunLength, arrays, [1, 2, 4, code.length])).rejects.toMatchObject(error);
    const evaluate = () =>
      evaluateFunction(
        (c, s) => [decodeRunLength(c!, s!, 2, 4)],
        array(code, [code.length], 'u8'),
        array([start], [1], 'i32'),
      );
    expect(evaluate).toThrow(expect.objectContaining(error));
  });

  it('refuses to write over its code and over where rows begin', async () => {
    const call = (code: number, starts: number) => ({
      kernel: kernel.decodeRunLength,
      operands: [[0, code] as const, [0, starts] as const, [0, 8] as const],
      params: [1, 1, 8, 4],
    });
    for (const [code, starts] of [
      [8, 0],
      [0, 8],
    ] as const) {
      const memory = [Int32Array.of(0, 0, 0)];
      await expect(runOver(addon, memory, [call(code, starts)])).rejects.toThrow(/its own code/);
    }
  });
});
