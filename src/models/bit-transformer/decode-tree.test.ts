import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.js';
import { defaultExecutor } from '../../compile/default-executor.js';
import { ReferenceExecutor } from '../../compile/reference/executor.js';
import { bind } from '../../nn/index.js';
import { i32, randomIntegers, randomParameters } from '../../nn/test-support.js';
import { constant, slice, type Tensor, type Tree } from '../../tensor/index.js';
import type { BitTransformerOptions } from './config.js';
import { byteNodes, decodeTree } from './decode-tree.js';
import { BitTransformer } from './model.js';
import { emptyCache } from './test-support.js';

const size = { layers: 2, dModel: 16, heads: 2, feedForward: 24 } as const;
const executors = [new ReferenceExecutor(), defaultExecutor()];

/** The eight bits of a byte and, where patches of P bits do not divide those, zeros up to the ninth. */
const patchesOf = (byte: number, bitsPerPatch: number): number[] => {
  const frameBits = 8 % bitsPerPatch === 0 ? 8 : 9;
  const frame = byte << (frameBits - 8);
  const count = frameBits / bitsPerPatch;
  return Array.from({ length: count }, (_, i) => (frame >> (bitsPerPatch * (count - 1 - i))) & (2 ** bitsPerPatch - 1));
};

describe.each<[string, BitTransformerOptions]>([
  ['1 bit, rotary', { ...size, bitsPerPatch: 1 }],
  ['1 bit, classic', { ...size, preset: 'classic' }],
  ['2 bits, learned positions', { ...size, bitsPerPatch: 2, positions: 'learned' }],
  ['3 bits of 9', { ...size, bitsPerPatch: 3 }],
  ['4 bits', { ...size, bitsPerPatch: 4 }],
  ['4 bits, reversible', { ...size, bitsPerPatch: 4, reversible: true }],
  ['4 bits, halting', { ...size, layers: 4, bitsPerPatch: 4, act: true }],
  ['1 bit, halting, reversible', { ...size, layers: 3, bitsPerPatch: 1, act: true, reversible: true }],
  ['8 bits', { ...size, bitsPerPatch: 8 }],
  ['9 bits', { ...size, bitsPerPatch: 9 }],
  ['1 bit in chunks that begin within a byte', { ...size, bitsPerPatch: 1, chunkSize: 5, overlap: 2 }],
  ['1 bit in chunks without overlap', { ...size, bitsPerPatch: 1, chunkSize: 8, overlap: 0 }],
  ['2 bits in chunks of 1', { ...size, bitsPerPatch: 2, chunkSize: 1, overlap: 1 }],
  ['4 bits in chunks longer than the context', { ...size, bitsPerPatch: 4, chunkSize: 100, overlap: 16 }],
])('the tree of prefixes with patches of %s', (_, options) => {
  const model = new BitTransformer({ ...options, contextLength: 24 });
  const { bitsPerPatch } = model;
  const parameters = randomParameters(model, 2);
  // 11 patches are in the cache, the twelfth is pending.
  const history = Array.from(randomIntegers([12], 5, 2 ** bitsPerPatch).data);

  const fromTree = (executor: (typeof executors)[number], rows: readonly (readonly number[])[]) =>
    compile(
      (p: Tree<Tensor>, cached: Tensor, pending: Tensor, position: Tensor) =>
        bind(model, p, () => {
          const empty = emptyCache(model, rows.length, 24);
          const { cache } = model.decode(empty, cached, constant(0, [rows.length], 'i32'));
          return model.leafLogProbabilities(byteNodes(decodeTree(model, cache, pending, position)));
        }),
      { executor },
    )(
      parameters,
      i32(
        rows.flatMap((row) => [...row.slice(0, -1), ...Array<number>(12 - row.length).fill(0)]),
        [rows.length, 11],
      ),
      i32(rows.map((row) => row.at(-1)!)),
      i32(rows.map((row) => row.length - 1)),
    );

  it.each(executors.map((executor) => ({ name: executor.name, executor })))(
    'gives every byte the probability of its bits, one after the other ($name)',
    async ({ executor }) => {
      const bytes = Array.from({ length: 256 }, (_, byte) => [...history, ...patchesOf(byte, bitsPerPatch)]);
      const length = bytes[0]!.length;
      const costs = compile(
        (p: Tree<Tensor>, x: Tensor) =>
          bind(model, p, () => {
            const inputs = slice(x, { axis: 1, end: length - 1 });
            return slice(model.bitCosts(inputs, slice(x, { axis: 1, start: 1 })), { axis: 1, start: 11 }); // [256, n, P]
          }),
        { executor: executors[0]! },
      );
      const all = await costs(parameters, i32(bytes.flat(), [256, length]));
      const frameBits = all.data.length / 256;
      const expected = Array.from({ length: 256 }, (_, byte) => {
        const own = Array.from(all.data.slice(byte * frameBits, byte * frameBits + 8) as Float32Array);
        return -own.reduce((total, cost) => total + cost, 0);
      });
      const { data } = await fromTree(executor, [history]);
      const worst = Math.max(...expected.map((value, byte) => Math.abs(value - data[byte]!)));
      expect(worst).toBeLessThan(1e-5);
      expect(Array.from(data as Float32Array, Math.exp).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    },
  );

  it('gives rows of different lengths what each has alone', async () => {
    const rows = [history.slice(0, 5), history, history.slice(0, 1)];
    for (const executor of executors) {
      const together = await fromTree(executor, rows);
      for (const [i, row] of rows.entries()) {
        const alone = await fromTree(executor, [row]);
        expect(together.data.slice(i * 256, (i + 1) * 256)).toEqual(alone.data);
      }
    }
  });
});
