import { describe, expect, it } from 'vitest';
import { compressedRows, patchesToBits, runLengthEncode } from '../../codec/index.js';
import { compile } from '../../compile/compile.js';
import { defaultExecutor } from '../../compile/default-executor.js';
import { boundedArray, hostArray } from '../../compile/host-array.js';
import { ReferenceExecutor } from '../../compile/reference/executor.js';
import { bind } from '../../nn/index.js';
import { randomIntegers, randomParameters } from '../../nn/test-support.js';
import type { Tensor, Tree } from '../../tensor/index.js';
import { type BitTransformerOptions, resolveBitTransformer } from './config.js';
import { BitTransformer, type CompressedTensors } from './model.js';
import { haltingParameters } from './test-support.js';

const small: BitTransformerOptions = { layers: 2, dModel: 32, heads: 2, feedForward: 48, contextLength: 16 };
const [batch, length] = [3, 12];

describe('forwardCompressed', () => {
  it.each<[string, BitTransformerOptions]>([
    ['flat', { ...small, bitsPerPatch: 1 }],
    ['patched', { ...small, bitsPerPatch: 8 }],
    ['with parity in its patches', { ...small, bitsPerPatch: 9 }],
    ['with halting', { ...small, layers: 4, act: true }],
  ])('gives exactly what the plain rows give, %s', async (_, options) => {
    const model = new BitTransformer(options);
    const { bitsPerPatch } = resolveBitTransformer(options);
    const parameters = model.config.act ? haltingParameters(model, 1) : randomParameters(model, 1, 0.1);
    const patches = randomIntegers([batch, length], 3, 2 ** bitsPerPatch);
    const codes = Array.from({ length: batch }, (_, row) => {
      const own = patches.data.subarray(row * length, (row + 1) * length);
      return runLengthEncode(patchesToBits(own, bitsPerPatch));
    });
    const { code, starts } = compressedRows(codes, length * bitsPerPatch);
    const rows = { code: boundedArray(code, [2 * batch * length * bitsPerPatch]), starts: hostArray(starts) };
    expect(code.length).toBeLessThan(rows.code.shape[0]!);
    const plain = (p: Tree<Tensor>, x: Tensor) => bind(model, p, () => model.forward(x));
    const compressed = (p: Tree<Tensor>, x: CompressedTensors) =>
      bind(model, p, () => model.forwardCompressed(x, { length }));
    for (const executor of [defaultExecutor(), new ReferenceExecutor()]) {
      const want = await compile(plain, { executor })(parameters, patches);
      expect(await compile(compressed, { executor })(parameters, rows)).toEqual(want);
      expect('pondered' in want).toBe(options.act === true);
    }
  });
});
