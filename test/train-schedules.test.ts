import { rm } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { learningRateAt } from '../src/optim/index.js';
import { resume, train } from '../src/train/trainer.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, checkpointOf, metricsOf, expectSameInParts } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

const model = { layers: 1 };
const rate = { learningRate: 1e-2, minLearningRate: 1e-3 };

describe('schedules of a run', () => {
  it.each([
    [{ schedule: 'linear' }, { kind: 'linear', ...rate, warmupSteps: 2 } as const],
    [
      { schedule: 'cosineRestarts', restartPeriod: 2, restartMultiplier: 1.5 },
      { kind: 'cosineRestarts', ...rate, warmupSteps: 2, period: 2, multiplier: 1.5 } as const,
    ],
  ])('follow the keys: %j', async (keys, schedule) => {
    const config = configOf({ name: keys.schedule, model, train: { steps: 8, warmupSteps: 2, ...rate, ...keys } });
    await train(config);
    const rows = (await metricsOf(keys.schedule)).filter((row) => 'loss' in row);
    expect(rows.map((row) => row.learningRate)).toEqual(
      Array.from({ length: 8 }, (_, step) => learningRateAt(schedule, step, 8)),
    );
  });

  // An improvement that large never comes: of the evaluations after a step at the full rate every second is a plateau.
  const plateaus = {
    ...{ schedule: 'progressivePlateau', ...rate, warmupSteps: 4, steps: 24, evaluateEvery: 2, evaluateBytes: 300 },
    ...{ plateauPatience: 2, plateauMinChange: 8, plateauWarmupSteps: 4 },
  };

  it('lower the rate at plateaus, also where a run stops on one or waits for one', async () => {
    const rows = await expectSameInParts({ name: 'plateaus', model, train: plateaus }, [4, 8, 14]);
    const rates = rows.flatMap(({ learningRate }) => (typeof learningRate === 'number' ? [learningRate] : []));
    const lower = (plateaus: number): number => 1e-2 * 2 ** (-plateaus / 2);
    const rising = (plateaus: number): number[] => [1, 2, 3, 4].map((step) => (lower(plateaus) * step) / 5);
    const expected = [0, 1, 2].flatMap((plateaus) => [
      ...rising(plateaus),
      ...new Array<number>(4).fill(lower(plateaus)),
    ]);
    expect(rates).toEqual(expected.map((rate) => expect.closeTo(rate, 10)));
    expect((await checkpointOf('plateaus whole')).state.course).toMatchObject({ plateau: { count: 2, since: 16 } });
  });

  it('that follow evaluations need them, and keep to them when the run goes on', async () => {
    expect(() => configOf({ name: 'none', train: { ...plateaus, evaluateEvery: 0 } })).toThrow(
      /train.evaluateEvery: is 0, but train.schedule progressivePlateau/,
    );
    await expect(resume('plateaus whole', ['train.evaluateEvery=3'], { root })).rejects.toMatchObject({
      code: 'E_RUN',
      details: { changed: ['train.evaluateEvery'] },
    });
  });
});
