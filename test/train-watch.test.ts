import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadRun } from '../src/train/load.js';
import { resume, train } from '../src/train/trainer.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, checkpointOf, expectSameInParts } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

const model = { layers: 1 };

describe('label smoothing', () => {
  it('is minimised, and is not in the bits per byte', async () => {
    const train = { labelSmoothing: 0.2, steps: 12, evaluateEvery: 6, learningRate: 3e-3 };
    const rows = await expectSameInParts({ name: 'smooth', model, train }, [6]);
    const trained = rows.filter((row) => 'loss' in row) as unknown as { loss: number; bitsPerByte: number }[];
    for (const { loss, bitsPerByte } of trained.slice(4))
      expect(loss).toBeGreaterThan((bitsPerByte * Math.LN2) / 8 + 1e-4);
    expect(trained.at(-1)!.loss).toBeLessThan(0.65);
  });
});

/** A run that learns nothing: its first evaluation is as good as any. */
const idle = { schedule: 'constant', learningRate: 1e-30, weightDecay: 0, warmupSteps: 0, evaluateBytes: 300 };
const foldersOf = (name: string): string[] => readdirSync(join(root, name, 'checkpoints')).sort();

describe('early stopping', () => {
  it('ends a run after so many evaluations without a better one, and resumes to the same end', async () => {
    const train = { ...idle, steps: 20, evaluateEvery: 2, earlyStopping: 3 };
    const rows = await expectSameInParts({ name: 'stopped', model, train }, [4, 6]);
    expect(rows.at(-1)).toMatchObject({ step: 8, validation: { bytes: expect.any(Number) } });
    expect((await checkpointOf('stopped whole')).step).toBe(8);
    expect(await resume('stopped whole', [], { root })).toMatchObject({
      steps: 8,
      stoppedEarly: true,
      best: { step: 2 },
    });
    const settings = ['train.earlyStopping=0', 'train.steps=9'];
    const further = await resume('stopped whole', settings, { root, force: true });
    expect(further).toMatchObject({ steps: 9, stoppedEarly: false });
  });

  it('does not end a run that gets better', async () => {
    const keys = { steps: 12, evaluateEvery: 2, earlyStopping: 1, evaluateBytes: 2000, learningRate: 3e-3 };
    const result = await train(configOf({ name: 'better', model, train: keys }));
    expect(result).toMatchObject({ steps: 12, stoppedEarly: false, best: { step: 12, bytes: 2000 } });
  });

  it('needs evaluations', () => {
    expect(() => configOf({ name: 'none', train: { earlyStopping: 2 } })).toThrow(/train.earlyStopping follows/);
  });
});

describe('the best checkpoint', () => {
  const keys = { ...idle, steps: 11, evaluateEvery: 2, checkpointEvery: 3 };

  it('stays beside the newest, and can be named', async () => {
    const rows = await expectSameInParts({ name: 'kept', model, train: keys }, [4, 8]);
    expect(rows.filter((row) => 'validation' in row).map(({ step }) => step)).toEqual([2, 4, 6, 8, 10, 11]);
    expect(foldersOf('kept whole')).toEqual(['latest', 'step-11', 'step-2', 'step-9']);
    const { step, state } = await loadRun('kept whole@best', { root });
    state.free();
    expect(step).toBe(2);
    const tuned = { name: 'tuned', model, init: { from: join(root, 'kept whole@best') }, train: { ...idle, steps: 1 } };
    await train(configOf(tuned));
  });

  it('is not kept unless it should', async () => {
    await train(configOf({ name: 'not kept', model, train: { ...keys, keepBest: false } }));
    expect(foldersOf('not kept')).toEqual(['latest', 'step-11', 'step-9']);
    await expect(loadRun('not kept@best', { root })).rejects.toMatchObject({ code: 'E_CHECKPOINT' });
  });

  it('is the last one where nothing is evaluated before', async () => {
    await train(configOf({ name: 'at the end', model, train: { steps: 2 } }));
    const { step, state } = await loadRun('at the end@best', { root });
    state.free();
    expect(step).toBe(2);
  });
});
