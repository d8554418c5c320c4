import { rm } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { resolveConfig } from '../src/train/config.js';
import { planRun } from '../src/train/plan.js';
import { resume, train } from '../src/train/trainer.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, metricsOf, expectSameInParts } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

const model = { layers: 1, contextLength: 128 };
// About 150 windows: five batches of 32, of which the last is smaller.
const epochs = { epochs: 2, batchSize: 32, warmupSteps: 0, learningRate: 1e-3, minLearningRate: 0 };

const stepsOf = async (name: string): Promise<number[]> =>
  (await metricsOf(name)).flatMap(({ step, loss }) => (loss === undefined ? [] : [step]));

describe('train.epochs', () => {
  it('takes as many steps as the data have batches, and the schedule ends with them', async () => {
    const config = configOf({ name: 'epochs', model, train: epochs });
    const { steps: planned } = await planRun(config);
    const { steps } = await train(config);
    expect(steps).toBe(planned);
    expect(steps).toBe((await stepsOf('epochs')).length);
    const rates = (await metricsOf('epochs')).flatMap(({ learningRate }) => learningRate ?? []);
    expect(rates[0]).toBe(1e-3);
    expect(rates.at(-1)).toBeCloseTo((1e-3 * (1 + Math.cos((Math.PI * (steps - 1)) / steps))) / 2, 12);
    await train(configOf({ name: 'one epoch', model, train: { ...epochs, epochs: 1 } }));
    expect((await stepsOf('one epoch')).length).toBe(steps / 2);
  });

  it('weighs every window of a step alike, whatever the micro-batches', async () => {
    // One step of an epoch holds all its windows: in one micro-batch, or in many, the last one smaller.
    const whole = { ...epochs, epochs: 1, optimizer: 'sgd', clip: 1e9 };
    await train(configOf({ name: 'at once', model, train: { ...whole, batchSize: 1000 } }));
    await train(configOf({ name: 'in groups', model, train: { ...whole, batchSize: 40, accumulation: 100 } }));
    const figure = async (run: string, name: string): Promise<number> => Number((await metricsOf(run))[0]![name]);
    for (const name of ['loss', 'bitsPerByte', 'gradientNorm']) {
      expect((await figure('in groups', name)) / (await figure('at once', name)), name).toBeCloseTo(1, 3);
    }
  });

  it('goes on inside of an epoch as if it had never stopped', async () => {
    const parts = { ...epochs, accumulation: 2, extraSteps: 2, evaluateEvery: 3, evaluateBytes: 300 };
    const rows = await expectSameInParts({ name: 'parts', model, train: parts }, [3]);
    // ceil((batches + 2) / 2) steps in each of two epochs.
    const steps = rows.filter(({ loss }) => loss !== undefined).length;
    expect(steps % 2).toBe(0);
  });

  it('goes on in the order that data.shuffleBytes and data.interleave make, in epochs and at random', async () => {
    const data = { shuffleBytes: 2000, interleave: 3 };
    const walk = { ...epochs, epochs: 1, evaluateEvery: 2, evaluateBytes: 300 };
    const rows = await expectSameInParts({ name: 'regions', model, data, train: walk }, [2]);
    await train(configOf({ name: 'everywhere', model, train: walk }));
    expect(rows.map(({ loss }) => loss)).not.toEqual((await metricsOf('everywhere')).map(({ loss }) => loss));
    const random = { steps: 5, evaluateEvery: 2, evaluateBytes: 300, warmupSteps: 0 };
    await expectSameInParts({ name: 'random regions', model, data, train: random }, [2]);
  });

  it('gives way to another length on the command line, and is not changed in between', async () => {
    const recipe = `${root}/one epoch/config.json`;
    expect((await resolveConfig(recipe, ['train.steps=7'])).train).toMatchObject({ steps: 7 });
    expect((await resolveConfig(recipe, ['train.steps=7'])).train.epochs).toBeUndefined();
    expect((await resolveConfig(recipe, ['train.minutes=1'])).train.epochs).toBeUndefined();
    await expect(resume('one epoch', ['train.steps=7'], { root })).rejects.toMatchObject({ code: 'E_RUN' });
    await expect(resolveConfig(recipe, ['train.epochs=1', 'train.minutes=1'])).rejects.toMatchObject({
      message: expect.stringContaining('train.epochs'),
    });
    expect(() => configOf({ name: 'none', train: { extraSteps: 3 } })).toThrow(/train.extraSteps/);
  });
});
