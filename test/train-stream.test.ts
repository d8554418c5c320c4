import { rm } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { compile } from '../src/compile/compile.js';
import { hostArray } from '../src/compile/host-array.js';
import { createStreamBatcher } from '../src/data/index.js';
import { BitTransformer, type BitTransformerOptions } from '../src/models/index.js';
import { bind, joinParameters, type ParameterState } from '../src/nn/index.js';
import type { Tensor } from '../src/tensor/index.js';
import { openRunData } from '../src/train/data.js';
import { evaluateRun } from '../src/train/evaluate.js';
import { loadRun } from '../src/train/load.js';
import { planRun } from '../src/train/plan.js';
import { train } from '../src/train/trainer.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, metricsOf, expectSameInParts, checkpointOf } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

const model = { layers: 2, contextLength: 32, chunkSize: 16, overlap: 8 };
const stream = { stream: true, steps: 20, batchSize: 4, evaluateEvery: 7, evaluateBytes: 300 };

describe('train.stream', () => {
  it.each<[string, object, object]>([
    ['plain', {}, {}],
    ['accumulated, halting', { act: true }, { accumulation: 3 }],
    ['reversible, recomputed, with dropout', { reversible: true, recompute: 'block', dropout: 0.1 }, {}],
  ])('goes on inside of a stream as if it had never stopped: %s', async (name, changes, more) => {
    const rows = await expectSameInParts({ name, model: { ...model, ...changes }, train: { ...stream, ...more } }, [7]);
    const losses = rows.flatMap(({ loss }) => (loss === undefined ? [] : [Number(loss)]));
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
    const { optimizer } = await checkpointOf(`${name} whole`);
    const carried = optimizer.find(({ name: array }) => array === 'stream.1.k')!;
    expect(carried.shape).toEqual([4, 8, 32]);
    expect((carried.data as Float32Array).some((x) => x !== 0)).toBe(true);
  });

  // Hardly learning: losses differ by what the windows see alone.
  const still = { ...stream, learningRate: 1e-12, minLearningRate: 0, warmupSteps: 0, evaluateEvery: 0 };
  const lossesOf = async (name: string): Promise<number[]> =>
    (await metricsOf(name)).flatMap(({ loss }) => (loss === undefined ? [] : [Number(loss)]));

  it('has the losses of one pass over all windows', async () => {
    const config = configOf({ name: 'carried', model, train: { ...still, steps: 4 } });
    await train(config);
    const longer = new BitTransformer({ ...(config.model as BitTransformerOptions), contextLength: 4 * 32 });
    const { state } = await loadRun('carried', { root });
    const { dataset } = await openRunData(config);
    const options = { bitsPerPatch: 8, parity: false, contextLength: 4 * 32, batchSize: 4, seed: 0, accumulation: 1 };
    const { patches } = createStreamBatcher({ store: dataset.trainBytes, ...options }).batch(0);
    const loss = compile((from: ParameterState, x: Tensor) => bind(longer, joinParameters(from), () => longer.loss(x)));
    const whole = (await loss(state, hostArray(patches, [4, 4 * 32 + 1]))).item();
    const parts = await lossesOf('carried');
    expect(parts).toHaveLength(4);
    expect(parts.reduce((sum, one) => sum + one, 0) / 4 / whole).toBeCloseTo(1, 6);
    state.free();
    dataset.close();
  });

  it('carries on behind a step that was left out', async () => {
    await train(configOf({ name: 'all', model, train: still }));
    await train(configOf({ name: 'skipped', model, train: { ...still, spike: 'skip', spikeFactor: 1.0001 } }));
    const [all, skipped] = [await lossesOf('all'), await lossesOf('skipped')];
    const spikes = (await metricsOf('skipped')).filter(({ spike }) => spike !== undefined);
    expect(spikes.length).toBeGreaterThan(0);
    expect(spikes.length).toBeLessThan(15);
    skipped.forEach((loss, step) => {
      expect(loss).toBeCloseTo(all[step]!, 6);
    });
  });

  it('takes as many steps as its epochs have windows', async () => {
    const config = configOf({ name: 'epochs', model, train: { ...stream, batchSize: 64, epochs: 2 } });
    const { steps } = await planRun(config);
    expect((await train(config)).steps).toBe(steps);
    expect(steps % 2).toBe(0);
  });

  it('is scored as one stream, unless windows are asked for', async () => {
    const whole = await evaluateRun('plain whole', { root, compressors: false });
    expect(whole).toMatchObject({ stream: true, stride: null });
    const windows = await evaluateRun('plain whole', { root, compressors: false, stride: 16 });
    expect(windows.stream).toBeUndefined();
    expect(Math.abs(whole.bitsPerByte - windows.bitsPerByte)).toBeLessThan(0.2);
    const last = (await metricsOf('plain whole')).filter(({ validation }) => validation !== undefined).at(-1)!;
    expect(last.validation).toMatchObject({ bitsPerByte: whole.bitsPerByte });
    const halting = await evaluateRun('accumulated, halting whole', { root, compressors: false, perByte: true });
    expect(halting.haltProbs!.length).toBeLessThanOrEqual(2);
    expect(halting.haltProbs!.at(-1)).toBe(1);
    expect(halting.perByte!.reduce((sum, bits) => sum + bits, 0) / halting.bytes).toBeCloseTo(halting.bitsPerByte, 4);
  });

  it.each<[object, object, RegExp]>([
    [{ chunkSize: 0 }, {}, /train.stream: model.chunkSize is 0/],
    [{ overlap: 0 }, {}, /model.overlap is 0/],
    [{ contextLength: 40 }, {}, /no multiple of model.chunkSize 16/],
    [{ positions: 'learned' }, {}, /model.positions learned/],
    [{}, { spike: 'rewind' }, /train.spike rewind/],
    [{}, { epochs: 1, extraSteps: 2 }, /train.extraSteps/],
  ])('says what it does not go with: %j %j', (changes, more, message) => {
    const write = () => configOf({ name: 'x', model: { ...model, ...changes }, train: { ...stream, ...more } });
    expect(write).toThrow(message);
  });

  it('keeps windows at bytes for the sake of parity bits', () => {
    const flat = (contextLength: number) =>
      configOf({
        name: 'x',
        data: { parity: true },
        model: { ...model, bitsPerPatch: 1, contextLength },
        train: stream,
      });
    expect(() => flat(32)).toThrow(/multiple of 9/);
    expect(flat(144).model.contextLength).toBe(144);
  });
});
