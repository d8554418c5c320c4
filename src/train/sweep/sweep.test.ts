import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { trainingRoot } from '../../../test/train-support.js';
import { lockRun } from '../../checkpoint/index.js';
import { evaluateRun } from '../evaluate.js';
import { resolveSweep } from './config.js';
import type { Trial } from './store.js';
import { sweep } from './sweep.js';

const { root, configOf, weightsOf, metricsOf } = trainingRoot();
afterAll(() => rmSync(root, { recursive: true, force: true }));

const { data, model, train } = configOf({
  name: 'base',
  model: { layers: 1, dModel: 16, feedForward: 16 },
  train: { steps: 6, batchSize: 2, warmupSteps: 1, evaluateEvery: 2, evaluateBytes: 256 },
});
writeFileSync(join(root, 'recipe.json'), JSON.stringify({ data, model, train, seed: 5, threads: 1 }));

const parameters = {
  'train.learningRate': { values: [0.001, 1e30, 0.01] },
  'model.heads': { values: [2, 3] },
};

/** A sweep of four trials that differ in learning rate and heads; 1e30 gives NaN, and 16 does not divide into 3 heads. */
const resolved = (name: string, changes: object = {}, trials = 6) => {
  const file = join(root, `${name}.json`);
  writeFileSync(file, JSON.stringify({ recipe: 'recipe.json', root, method: 'grid', parameters, ...changes }));
  return resolveSweep(file, { trials });
};

const untimed = (trials: readonly Trial[]) =>
  trials.map(({ seconds: _, run, ...trial }) => ({ ...trial, run: run.slice(-3) }));

describe('a sweep', { timeout: 120_000 }, () => {
  it('trains every trial as a run, records failures, and gives a table of all', async () => {
    const result = await sweep(await resolved('whole'));
    expect(result.interrupted).toBe(false);
    expect(result.trials.map(({ number, status }) => [number, status])).toEqual([
      [result.best!.number, 'done'],
      [result.best!.number === 1 ? 5 : 1, 'done'],
      [2, 'failed'],
      [3, 'failed'],
      [4, 'failed'],
      [6, 'failed'],
    ]);
    const [best, , heads, rate] = result.trials;
    expect(best!.settings).toEqual({ 'train.learningRate': best!.number === 1 ? 0.001 : 0.01, 'model.heads': 2 });
    expect([heads!.error, rate!.error]).toEqual([
      expect.stringMatching(/16 does not divide into 3 heads/),
      expect.stringMatching(/NaN or infinity/),
    ]);
    // The runs are like any other.
    const evaluation = await evaluateRun(join(root, best!.run));
    expect(evaluation.bitsPerByte).toBeCloseTo(best!.value!, 10);

    const lines = (await readFile(result.tablePath, 'utf8')).trimEnd().split('\n');
    expect(lines[0]).toBe('trial,run,status,bitsPerByte,seconds,train.learningRate,model.heads,error');
    expect(lines[1]).toMatch(new RegExp(`^${best!.number},${best!.run},done,${best!.value},[\\d.]+,0\\.0`));
    expect(lines).toHaveLength(7);
  });

  it('comes to the same when it is ended again and again, in the middle of a trial too', async () => {
    const config = await resolved(
      'parts',
      { parameters: { 'train.learningRate': parameters['train.learningRate'] } },
      3,
    );
    const whole = await sweep(await resolved('one-go', { parameters: config.parameters }, 3));
    // Each call ends behind the first evaluation of a trial.
    for (let call = 0; call < 2; call++) {
      const abort = new AbortController();
      const stream = { write: (line: string) => void (/^step 2: validation/.test(line) && abort.abort()) };
      const part = await sweep(config, { stream, signal: abort.signal });
      expect(part.interrupted).toBe(true);
      expect(part.trials.at(-1)).toMatchObject({ status: 'running' });
      expect(part.trials).toHaveLength([1, 3][call]!);
    }
    const parts = await sweep(config);
    expect(parts.interrupted).toBe(false);
    expect(untimed(parts.trials)).toEqual(untimed(whole.trials));
    expect(await weightsOf('parts-001')).toEqual(await weightsOf('one-go-001'));
    const losses = async (run: string) => (await metricsOf(run)).map(({ step, loss }) => [step, loss]);
    expect(await losses('parts-003')).toEqual(await losses('one-go-003'));
    // Nothing is left to do.
    expect((await sweep(config)).trials).toEqual(parts.trials);
  });

  it('may get more trials later, but nothing else that would change it', async () => {
    const random = {
      method: 'tpe',
      metric: 'best',
      tpe: { startup: 1 },
      parameters: { 'train.learningRate': { min: 0.001, max: 0.1, scale: 'log' } },
    };
    const first = await sweep(await resolved('more', random, 1));
    const more = await sweep(await resolved('more', random, 2));
    expect(more.trials).toHaveLength(2);
    expect(more.trials).toContainEqual(first.trials[0]);
    const other = await resolved('more', { ...random, seed: 9 }, 2);
    await expect(sweep(other)).rejects.toMatchObject({
      code: 'E_RUN',
      message: expect.stringContaining('another seed'),
    });
  });

  it('leaves alone what is not its own', async () => {
    const lock = await lockRun(join(root, 'more'));
    try {
      await expect(sweep(await resolved('more'))).rejects.toMatchObject({
        code: 'E_RUN',
        message: expect.stringMatching(/process/),
      });
    } finally {
      await lock.release();
    }
    await expect(sweep(await resolved('whole-001'))).rejects.toThrow(/is a run: give the sweep another name/);
    mkdirSync(join(root, 'taken-001', 'checkpoints'), { recursive: true });
    await expect(sweep(await resolved('taken'))).rejects.toThrow(/taken-001 is there already/);
    expect(existsSync(join(root, 'taken', 'sweep.json'))).toBe(false);
  });
});
