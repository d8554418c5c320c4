import { readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { State } from '../src/compile/state.js';
import { unitInterval } from '../src/core/random.js';
import { createBatcher, memoryStore } from '../src/data/index.js';
import { defaultExecutor } from '../src/index.js';
import { BitTransformer, type BitTransformerOptions } from '../src/models/index.js';
import { localBatches } from '../src/train/batch-source.js';
import { initialize } from '../src/train/initial-state.js';
import { trainStateTypes } from '../src/train/step.js';
import { createStepper } from '../src/train/stepper.js';
import { resume } from '../src/train/trainer.js';
import { isBuilt, nonet, outcome } from './small-run.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, checkpointOf, metricsOf, expectSameInParts } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

const model = { layers: 1 };
/** An easy text with noise in it: a batch that meets the noise costs far more than any other. */
const noise = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => unitInterval(seed, 9, i) * 256);
const noisyData = (words: number, noiseBytes: number) => {
  const path = join(root, `noisy-${words}.txt`);
  const piece = (_: unknown, i: number) => [Buffer.from('over the sea, '.repeat(words)), noise(noiseBytes, i)];
  writeFileSync(path, Buffer.concat(Array.from({ length: 24 }, piece).flat()));
  return { path };
};
const data = noisyData(90, 80);
const same = <T>(value: T, count: number): T[] => new Array<T>(count).fill(value);
const rough = { learningRate: 1e-2, warmupSteps: 0, batchSize: 2, spikeFactor: 1.2, evaluateBytes: 300 };

interface Row {
  readonly step: number;
  readonly loss?: number;
  readonly gradientNorm?: number;
  readonly spike?: { readonly action: string; readonly from?: number; readonly limit: number };
}

describe('a step whose loss is a spike', () => {
  it.each([1, 2])('leaves the state as it was when it is left out (%i micro-batches)', async (accumulation) => {
    const config = configOf({
      name: 'steps',
      model: { ...model, dropout: 0.1 },
      train: { accumulation, spike: 'skip' },
    });
    const transformer = new BitTransformer(config.model as BitTransformerOptions);
    const { bitsPerPatch, contextLength } = transformer.config;
    const store = memoryStore(Uint8Array.from({ length: 4000 }, (_, i) => (i * i) % 251));
    const batcherOf = (seed: number) =>
      createBatcher({ store, bitsPerPatch, contextLength, parity: false, batchSize: config.train.batchSize, seed });
    const fresh = async () => {
      const empty = State.create(defaultExecutor(), trainStateTypes(transformer, accumulation, config.train));
      return createStepper(transformer, config, localBatches(batcherOf), await initialize(transformer, empty, 1));
    };
    const contents = ({ state }: { state: State }) =>
      state.paths.map((path) => Buffer.from(state.read(path).data.buffer).toString('hex'));
    const order = { learningRate: 1e-3, seed: 1, lossLimit: 10 };
    const untimed = { dataWaitSeconds: expect.any(Number) };
    const [plain, skipping] = [await fresh(), await fresh()];
    const [first] = [await plain.run(0, order), await skipping.run(0, order)];
    const before = contents(skipping);
    const wouldBe = await plain.run(1, order);
    const skipped = await skipping.run(1, { ...order, lossLimit: wouldBe.loss * 0.99 });
    expect(skipped).toEqual({ ...wouldBe, ...untimed, gradientNorm: undefined });
    expect(first.gradientNorm).toBeGreaterThan(0);
    expect(contents(skipping)).toEqual(before);
    // Nor is anything left over for the steps behind it.
    expect(await skipping.run(1, order)).toEqual({ ...wouldBe, ...untimed });
    expect(contents(skipping)).toEqual(contents(plain));
    for (const { state } of [plain, skipping]) state.free();
  });
});

describe('skipping spikes', () => {
  it.each([1, 2])('is logged, and resumes to the same end (%i micro-batches)', async (accumulation) => {
    const keys = { ...rough, accumulation, spike: 'skip', steps: 40, evaluateEvery: 13 };
    const name = `skipping ${accumulation}`;
    const rows = (await expectSameInParts({ name, model, data, train: keys }, [13, 26])) as unknown as Row[];
    const spikes = rows.filter(({ spike }) => spike?.action === 'skip');
    expect(spikes.length).toBeGreaterThan(0);
    for (const { loss, spike, gradientNorm } of spikes) {
      expect(loss!).toBeGreaterThan(spike!.limit);
      expect(gradientNorm).toBeUndefined();
    }
    expect(rows.filter(({ loss }) => loss !== undefined).map(({ step }) => step)).toEqual(
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
  });
});

const keys = { ...rough, spike: 'rewind', steps: 40, evaluateEvery: 7, checkpointEvery: 9 };

describe('going back at spikes', () => {
  it('takes another way from the last checkpoint on, and resumes to the same end', async () => {
    const rows = (await expectSameInParts(
      { name: 'rewinding', model, data, train: keys },
      [14, 21, 28],
    )) as unknown as Row[];
    const returns = rows.filter(({ spike }) => spike?.action === 'rewind');
    expect(returns.length).toBeGreaterThan(0);
    for (const { step, spike } of returns) {
      expect(step % 9).toBe(0);
      expect(spike!.from! - step).toBeLessThanOrEqual(9);
    }
    const trained = rows.filter(({ loss }) => loss !== undefined).map(({ step }) => step);
    expect(trained).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    const { reseeds } = (await checkpointOf('rewinding whole')).state.course as unknown as { reseeds: number };
    expect(reseeds).toBeGreaterThanOrEqual(returns.length);
    expect(readdirSync(join(root, 'rewinding whole', 'checkpoints'))).toContain('step-36');
  });

  it('lets spikes be when going back three times did not help', async () => {
    const train = { ...keys, batchSize: 1, spikeFactor: 1.1, checkpointEvery: 0, evaluateEvery: 10 };
    const changes = { name: 'vain', model, data: noisyData(14, 180), train };
    const rows = (await expectSameInParts(changes, [20])) as unknown as Row[];
    const spikes = rows.flatMap(({ step, spike }) => (spike ? [{ step, ...spike }] : []));
    expect(spikes.slice(0, 3).map(({ step, action }) => [step, action])).toEqual(same([0, 'rewind'], 3));
    expect(new Set(spikes.slice(3).map(({ action }) => action))).toEqual(new Set(['none']));
  });

  it('keeps to its checkpoints', async () => {
    await expect(resume('rewinding whole', ['train.checkpointEvery=5'], { root })).rejects.toMatchObject({
      details: { changed: ['train.checkpointEvery'] },
    });
  });
});

describe.skipIf(!isBuilt)('a run that is killed while it goes back', () => {
  it('takes the same way', async () => {
    const recipe = join(root, 'recipe.json');
    const { run: _, ...config } = configOf({ name: 'any', model, data, train: keys });
    writeFileSync(recipe, JSON.stringify({ ...config, run: { root } }));
    const begin = (name: string) => ['train', recipe, `run.name=${name}`, '--plain'];
    const goOn = ['train', '--resume', join(root, 'killed'), '--plain'];
    const fault = (save: number) => ({ NONET_FAULT: `save:before-write:${save}` });
    expect(await nonet(begin('never killed'))).toMatchObject({ code: 0 });
    // The sixth save is that of the checkpoint to which the run has gone back.
    expect(await nonet(begin('killed'), fault(6))).toMatchObject({ signal: 'SIGKILL' });
    expect(await nonet(goOn, fault(2))).toMatchObject({ signal: 'SIGKILL' });
    expect(await nonet(goOn)).toMatchObject({ code: 0 });
    expect(outcome(join(root, 'killed'))).toEqual(outcome(join(root, 'never killed')));
    const spikesOf = async (name: string) => (await metricsOf(name)).flatMap(({ spike }) => (spike ? [spike] : []));
    expect(await spikesOf('killed')).toEqual(await spikesOf('never killed'));
  });
});
