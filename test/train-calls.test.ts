import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { State } from '../src/compile/state.js';
import { NonetError } from '../src/core/errors.js';
import { memoryStore } from '../src/data/index.js';
import { defaultExecutor } from '../src/index.js';
import { localBatches } from '../src/train/batch-source.js';
import { callLength } from '../src/train/call-length.js';
import { checkConfig } from '../src/train/config.js';
import { batchersOf } from '../src/train/data.js';
import { initialize } from '../src/train/initial-state.js';
import { trainedModel } from '../src/train/model.js';
import { trainStateTypes } from '../src/train/step.js';
import { createStepper } from '../src/train/stepper.js';
import { resume, train } from '../src/train/trainer.js';
import { type Changes, hexOf, trainingRoot } from './train-support.js';

const { root, configOf, checkpointOf, metricsOf, trainInParts } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

const small = { model: { layers: 1, dropout: 0.1 } };
const stable = async (name: string) =>
  (await metricsOf(name)).map(({ seconds: _, dataWaitSeconds: __, speed: ___, ...row }) => row);

/** Trains the same run with one and with several steps a call: everything but the time is to be the same. */
const expectSame = async (changes: Changes, stepsPerCall: number) => {
  const named = (name: string, more: object) => ({
    ...configOf({ ...small, ...changes, name, train: { ...changes.train, ...more } }),
  });
  const [one, many] = [`${changes.name} one`, `${changes.name} many`];
  await train(named(one, {}));
  await train(named(many, { stepsPerCall }));
  const [a, b] = [await checkpointOf(one), await checkpointOf(many)];
  expect(hexOf(b.model)).toEqual(hexOf(a.model));
  expect(hexOf(b.optimizer)).toEqual(hexOf(a.optimizer));
  expect(b.state).toEqual(a.state);
  expect(await stable(many)).toEqual(await stable(one));
};

describe('train.stepsPerCall', () => {
  it('gives the bits of one step a call, around evaluations, checkpoints and samples', async () => {
    const train = {
      steps: 40,
      evaluateEvery: 15,
      checkpointEvery: 9,
      sampleEvery: 11,
      sampleBytes: 4,
      schedule: 'oneCycle',
    };
    await expectSame({ name: 'plain', train }, 8);
  });

  it('groups the steps of epochs by the rows of their batches', async () => {
    await expectSame({ name: 'epochs', data: { validationShare: 0.95 }, train: { epochs: 3, batchSize: 16 } }, 7);
  });

  it('carries streams from step to step', async () => {
    const model = { chunkSize: 16, overlap: 8, layers: 1, finalNorm: true };
    await expectSame({ name: 'stream', model, train: { steps: 12, stream: true } }, 5);
  });

  it('tells the usage of experts step by step', async () => {
    await expectSame(
      { name: 'experts', model: { layers: 2, experts: 4, expertsPerToken: 2 }, train: { steps: 10 } },
      4,
    );
  });

  it('goes with accumulation, which keeps to a step a call', async () => {
    await expectSame({ name: 'accumulated', train: { steps: 6, accumulation: 2 } }, 4);
  });

  it('resumes with another one', async () => {
    const config = (name: string, more: object) =>
      configOf({ ...small, name, train: { steps: 40, evaluateEvery: 10, ...more } });
    await train(config('whole', {}));
    await trainInParts(config('parts', { stepsPerCall: 7 }), [20]);
    expect(hexOf((await checkpointOf('parts')).model)).toEqual(hexOf((await checkpointOf('whole')).model));
    await trainInParts(config('changed', { stepsPerCall: 7, steps: 20 }), []);
    await expect(resume('changed', ['train.stepsPerCall=3'], { root })).resolves.toMatchObject({ steps: 20 });
  });

  it('is cut by what happens between steps', () => {
    const config = (more: object, changes: object = {}) => ({
      ...configOf({ name: 'cut', train: { steps: 100, stepsPerCall: 16, ...more } }),
      ...changes,
    });
    const trace = { enabled: true, start: 20, stop: 24 };
    expect(callLength(config({}), 3)).toBe(16);
    expect(callLength(config({}), 95)).toBe(5);
    expect(callLength(config({ evaluateEvery: 10 }), 3)).toBe(7);
    expect(callLength(config({ checkpointEvery: 8, sampleEvery: 9 }), 3)).toBe(5);
    expect([15, 20, 23, 24].map((done) => callLength(config({}, { trace }), done))).toEqual([5, 1, 1, 16]);
  });

  it.each([
    [{ compression: {} }, /train\.stepsPerCall.*train\.compression/],
    [{ spike: 'skip' }, /train\.stepsPerCall.*train\.spike skip/],
    [{ stepsPerCall: 0 }, /train\.stepsPerCall/],
  ])('says what it does not go with: %j', (more, message) => {
    const wrong = () => checkConfig({ data: { path: 'x' }, train: { stepsPerCall: 2, ...more } }, 'the test', 'x');
    expect(wrong).toThrow(message);
  });
});

describe('NaN', () => {
  // Decay so strong that weights grow from step to step, until their products overflow.
  const rough = {
    steps: 30,
    learningRate: 1,
    warmupSteps: 0,
    weightDecay: 300,
    optimizer: 'sgd',
    schedule: 'constant',
  };
  const errorOf = async (name: string, more: object, changes: object = {}) => {
    const config = { ...configOf({ ...small, name, train: { ...rough, ...more } }), ...changes };
    const error = (await train(config).catch((thrown: unknown) => thrown)) as NonetError;
    expect(error).toBeInstanceOf(NonetError);
    return { code: error.code, message: error.message, step: error.details.step, rows: await stable(name) };
  };
  let plain: Awaited<ReturnType<typeof errorOf>>;
  beforeAll(async () => {
    plain = await errorOf('nan', {});
  });

  it('ends the run at its step', () => {
    expect(plain.code).toBe('E_NOT_FINITE');
    expect(plain.message).toMatch(/ gave it first\. Nothing of this step was kept/);
    expect(plain.step).toBeGreaterThan(3);
    expect(plain.rows.map(({ step }) => step)).toEqual(Array.from({ length: plain.step as number }, (_, i) => i + 1));
  });

  it.each([3, 20])('ends it at the same one with %i steps a call, those before it told', async (stepsPerCall) => {
    expect(await errorOf(`nan ${stepsPerCall}`, { stepsPerCall })).toEqual(plain);
  });

  it('ends it at the same one in a trace, which is written', async () => {
    const trace = { enabled: true, start: 2, stop: 30 };
    expect(await errorOf('nan traced', { stepsPerCall: 4 }, { trace })).toEqual(plain);
    const name = `steps-3-${Number(plain.step) + 1}.trace.json`;
    expect(readdirSync(join(root, 'nan traced', 'trace'))).toContain(name);
  });

  it('leaves the state as it is behind the steps before', async () => {
    const config = configOf({ ...small, name: 'state', train: { ...rough, stepsPerCall: 20 } });
    const model = trainedModel(config);
    const store = memoryStore(Uint8Array.from({ length: 4000 }, (_, i) => (i * i) % 251));
    const fresh = async () => {
      const empty = State.create(defaultExecutor(), trainStateTypes(model, 1, config.train));
      const batches = localBatches(batchersOf(model, config, { trainBytes: store, meta: { files: [] } }));
      return createStepper(model, config, batches, await initialize(model, empty, 1));
    };
    const order = { learningRate: 1, seed: 5 };
    const [one, many] = [await fresh(), await fresh()];
    const { results, error } = await many.runMany(0, new Array(20).fill(order));
    expect(results.length).toBeGreaterThan(3);
    for (const [step, { loss }] of results.entries()) expect((await one.run(step, order)).loss).toBe(loss);
    await expect(one.run(results.length, order)).rejects.toEqual(error);
    const contents = ({ state }: { state: State }) =>
      state.paths.map((path) => Buffer.from(state.read(path).data.buffer).toString('hex'));
    expect(contents(many)).toEqual(contents(one));
  });
});
