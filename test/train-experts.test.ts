import { rm } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { evaluateRun } from '../src/train/evaluate.js';
import { train } from '../src/train/trainer.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, expectSameInParts, metricsOf } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

interface Used {
  readonly usage: readonly (readonly number[])[];
  readonly hottest: number;
}

describe('a run with model.experts', () => {
  it.each([
    ['two of four, micro-batches', { experts: 4, expertsPerToken: 2 }, { accumulation: 2, batchSize: 4 }],
    ['halting, reversible, with dropout', { experts: 4, act: true, reversible: true, dropout: 0.1 }, {}],
  ])('goes on as if it had never stopped: %s', async (name, model, more) => {
    const evaluations = { steps: 40, evaluateEvery: 20, evaluateBytes: 600, ...more };
    const rows = await expectSameInParts({ name, model, train: evaluations }, [20]);
    for (const { experts, validation } of rows.filter(({ medians }) => medians === undefined)) {
      const { usage } = (experts ?? (validation as { experts: Used }).experts) as Used;
      expect(usage.map((shares) => shares.length)).toEqual([4, 4]);
      for (const shares of usage) expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 3);
    }
  });

  it('spreads real text over its experts, and tells how far', async () => {
    const text = { path: ['docs/*.md', 'src/tensor', 'src/compile'], validationShare: 0.02 };
    const changes = { data: text, model: { experts: 8, layers: 1 }, train: { steps: 300, batchSize: 16 } };
    await train(configOf({ name: 'even', ...changes }));
    await train(configOf({ name: 'free', ...changes, train: { ...changes.train, balanceWeight: 0, steps: 100 } }));
    const hottest = async (name: string): Promise<number> =>
      ((await metricsOf(name)).filter(({ validation }) => validation).at(-1)!.validation as { experts: Used }).experts
        .hottest;
    expect(await hottest('even')).toBeLessThan(2);
    expect(await hottest('free')).toBeGreaterThan(await hottest('even'));
    const { experts } = await evaluateRun('even', { root, compressors: false });
    expect(experts!.hottest).toBeCloseTo(await hottest('even'), 3);
  }, 150_000);
});
