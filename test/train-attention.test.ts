import { writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSafetensors } from '../src/checkpoint/safetensors.js';
import { compile } from '../src/compile/compile.js';
import { defaultExecutor } from '../src/compile/default-executor.js';
import { hostArray } from '../src/compile/host-array.js';
import { State } from '../src/compile/state.js';
import { attentionMaps, BitTransformer, requireBitTransformer } from '../src/models/index.js';
import { bind, joinParameters, type ParameterState, parameterTypes } from '../src/nn/index.js';
import type { Tensor } from '../src/tensor/index.js';
import { attentionOf } from '../src/train/attention.js';
import { evaluateRun } from '../src/train/evaluate.js';
import { loadRun } from '../src/train/load.js';
import { train } from '../src/train/trainer.js';
import { trainingRoot } from './train-support.js';

const { root, configOf } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

const short = { steps: 6, batchSize: 4, evaluateEvery: 3, evaluateBytes: 200 };
const chunks = { chunkSize: 8, overlap: 5, contextLength: 28 };
const arraysOf = async (path: string) =>
  new Map((await readSafetensors(path)).arrays.map((array) => [array.name, array]));

describe('model.fullAttentionLogging', () => {
  it('writes whole maps at every evaluation, with the entropies that are theirs', async () => {
    await train(configOf({ name: 'logged', model: { ...chunks, fullAttentionLogging: true }, train: short }));
    const folder = join(root, 'logged', 'attention');
    const [early, late] = [3, 6].map((step) => join(folder, `step-${step}.safetensors`));
    const first = await arraysOf(early!);
    const last = await arraysOf(late!);
    expect(first.get('blocks.1.map')!.shape).toEqual([2, 28, 28]);
    expect(first.get('blocks.1.map')!.data).not.toEqual(last.get('blocks.1.map')!.data);
    const map = last.get('blocks.1.map')!.data as Float32Array;
    const entropy = last.get('blocks.1.entropy')!;
    expect(entropy.shape).toEqual([2, 28]);
    Array.from(entropy.data).forEach((nats, row) => {
      const weights = Array.from(map.subarray(row * 28, (row + 1) * 28));
      expect(weights.reduce((sum, w) => sum + w, 0)).toBeCloseTo(1, 5);
      expect(weights.reduce((sum, w) => (w > 0 ? sum - w * Math.log(w) : sum), 0)).toBeCloseTo(nats, 5);
    });
  });

  it('is off unless told, and no maps are written', async () => {
    await train(configOf({ name: 'quiet', model: chunks, train: short }));
    await expect(readSafetensors(join(root, 'quiet', 'attention', 'step-6.safetensors'))).rejects.toThrow();
  });
});

describe('attention on request', () => {
  it('is one map for each chunk, whose parts are those of the whole', async () => {
    const file = join(root, 'maps.safetensors');
    await evaluateRun('quiet', { root, compressors: false, attention: file });
    const parts = await arraysOf(file);
    const bounds = [
      [0, 8, 0, 8],
      [8, 16, 3, 16],
      [16, 24, 11, 24],
      [24, 28, 19, 28],
    ];
    expect(Array.from(parts.get('windows')!.data)).toEqual(bounds.flat());
    expect(parts.get('blocks.0.window.2')!.shape).toEqual([2, 8, 13]);
    expect(parts.has('blocks.0.map')).toBe(false);
    const { model: loaded, state } = await loadRun('quiet', { root });
    const model = requireBitTransformer(loaded, 'maps');
    const patches = parts.get('patches')!.data as Int32Array;
    const whole = compile((p: ParameterState, x: Tensor) =>
      bind(model, joinParameters(p), () => attentionMaps(model, x)),
    );
    const maps = await whole(state, hostArray(patches, [1, 28]));
    const stitched = await attentionOf(model, state, patches, { stitched: true });
    for (const block of [0, 1]) {
      const expected = maps[block].data as Float32Array;
      const got = stitched.find(({ name }) => name === `blocks.${block}.map`)!.data;
      expect(Math.max(...expected.map((x, i) => Math.abs(x - got[i]!)))).toBeLessThan(1e-6);
    }
    // Both ways: columns on either side.
    const both = await attentionOf(model, state, patches, { causal: false });
    expect(Array.from(both.find(({ name }) => name === 'windows')!.data).slice(4, 8)).toEqual([8, 16, 3, 21]);
    state.free();
  });

  it.each(['rotary', 'learned'] as const)('refuses more than the context, with %s positions', async (positions) => {
    const model = new BitTransformer({ layers: 1, dModel: 16, heads: 2, contextLength: 16, positions });
    const state = State.create(defaultExecutor(), { parameters: parameterTypes(model) });
    await expect(attentionOf(model, state, new Int32Array(20))).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: expect.stringContaining('length up to 16; got [1, 20]'),
    });
    state.free();
  });

  it('takes data that is shorter than a window', async () => {
    const [file, data] = [join(root, 'few.safetensors'), join(root, 'few.txt')];
    writeFileSync(data, 'whale');
    await evaluateRun('quiet', { root, compressors: false, attention: file, data });
    // The last byte is no input.
    expect((await arraysOf(file)).get('blocks.0.window.0')!.shape).toEqual([2, 4, 4]);
  });
});
