import { cpSync } from 'node:fs';
import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runInMemory } from '../src/cli/test-support.js';
import { evaluateRun } from '../src/train/evaluate.js';
import { loadRun } from '../src/train/load.js';
import { mergeRun } from '../src/train/merge.js';
import { resume, type TrainResult, train } from '../src/train/trainer.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, weightsOf, metricsOf, expectSameInParts } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

const from = join(root, 'base');
const adapter = { rank: 3, alpha: 6 };
const tuned = { train: { steps: 30, learningRate: 3e-2 }, init: { from }, adapter };

let tunedResult: TrainResult;
beforeAll(async () => {
  await train(configOf({ name: 'base', train: { steps: 10 } }));
  tunedResult = await train(configOf({ name: 'tuned', ...tuned }));
});

const validationOf = async (name: string): Promise<number> => {
  const rows = (await metricsOf(name)).filter(({ validation }) => validation !== undefined);
  return (rows.at(-1)!.validation as { bitsPerByte: number }).bitsPerByte;
};

describe('adapters on a trained model', () => {
  it('are all that is trained and saved, and learn', async () => {
    const weights = await weightsOf('tuned');
    const names = weights.map(({ name }) => name);
    expect(tunedResult.trainedParameters).toBe(weights.reduce((sum, { data }) => sum + data.length, 0));
    expect(tunedResult.parameters).toBeGreaterThan(2 * tunedResult.trainedParameters);
    expect(names).toHaveLength(2 * 4 * 2);
    expect(names.every((name) => /^blocks\.\d+\..*\.adapter\.(down|up)$/.test(name))).toBe(true);
    expect(await validationOf('tuned')).toBeLessThan((await validationOf('base')) - 0.02);
  });

  it('leave the base as it is', async () => {
    const base = await weightsOf('base');
    await train(configOf({ name: 'unmoved', ...tuned, train: { steps: 1, learningRate: 1e-30 } }));
    const { state } = await loadRun('unmoved', { root });
    for (const { name, data } of base) expect(state.read(`parameters.${name}`).data).toEqual(data);
    state.free();
  });

  it('count when the run is loaded, merged', async () => {
    const { bitsPerByte } = await evaluateRun('tuned', { root, compressors: false });
    expect(bitsPerByte).toBeCloseTo(await validationOf('tuned'), 4);
  });

  it('go on as if they had never stopped', async () => {
    const evaluated = { ...tuned.train, steps: 8, evaluateEvery: 2, evaluateBytes: 300 };
    await expectSameInParts({ name: 'parts', ...tuned, train: evaluated }, [4]);
  });

  it('become a run of its own, which needs nothing else', async () => {
    const before = await loadRun('tuned', { root });
    const run = await mergeRun('tuned', 'merged', { root });
    const elsewhere = join(root, 'elsewhere');
    cpSync(run.path, join(elsewhere, 'merged'), { recursive: true });
    const after = await loadRun('merged', { root: elsewhere });
    expect(after.config.adapter).toBeUndefined();
    for (const path of after.state.paths) expect(after.state.read(path).data).toEqual(before.state.read(path).data);
    for (const { state } of [before, after]) state.free();
    await expect(resume('merged', [], { root })).rejects.toMatchObject({ code: 'E_RUN' });
    await train(configOf({ name: 'again', train: { steps: 1 }, init: { from: run.path } }));
    await expect(mergeRun('merged', 'twice', { root })).rejects.toMatchObject({
      code: 'E_RUN',
      message: expect.stringContaining('no adapters to merge'),
    });
    await expect(mergeRun('tuned', 'merged', { root })).rejects.toMatchObject({ code: 'E_RUN' });
  });

  it('build on one another', async () => {
    await train(configOf({ name: 'second', ...tuned, init: { from: join(root, 'tuned') } }));
    expect(await validationOf('second')).toBeLessThan(await validationOf('tuned'));
  });

  it('say what is missing', async () => {
    expect(() => configOf({ name: 'none', adapter })).toThrow(
      /adapter: builds on a trained model: give its run as init.from/,
    );
    cpSync(join(root, 'tuned'), join(root, 'torn'), { recursive: true });
    await appendFile(join(root, 'torn/base/model.safetensors'), 'x');
    await expect(loadRun('torn', { root })).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringContaining('is damaged or of another run'),
    });
    await rm(join(root, 'torn/base'), { recursive: true });
    await expect(loadRun('torn', { root })).rejects.toMatchObject({ message: expect.stringContaining('is missing') });
  });

  it('are merged by nonet merge', async () => {
    const { code, out } = await runInMemory(['merge', 'tuned', 'by-command', '--root', root, '--json']);
    expect([code, JSON.parse(out)]).toEqual([0, { run: join(root, 'by-command') }]);
  });
});
