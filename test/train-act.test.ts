import { rm } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { generate } from '../src/generate/index.js';
import { evaluateRun } from '../src/train/evaluate.js';
import { loadRun } from '../src/train/load.js';
import { train } from '../src/train/trainer.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, expectSameInParts, metricsOf } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

const model = { act: true, layers: 3 };

const depthsOf = async (name: string): Promise<number[]> =>
  (await metricsOf(name)).flatMap(({ validation }) => {
    const depth = (validation as { meanDepth?: number } | undefined)?.meanDepth;
    return depth === undefined ? [] : [depth];
  });

describe('a run with model.act', () => {
  it.each([
    ['plain', {}],
    ['reversible, with dropout', { reversible: true, dropout: 0.1 }],
  ])('goes on as if it had never stopped: %s', async (name, options) => {
    const evaluations = { evaluateEvery: 20, evaluateBytes: 600 };
    await expectSameInParts({ name, model: { ...model, ...options }, train: evaluations }, [20]);
  });

  it('thinks less where thinking costs more, and tells how much', async () => {
    for (const [name, ponderWeight] of [
      ['free', 0],
      ['dear', 0.5],
    ] as const) {
      await train(configOf({ name, model, train: { ponderWeight, ponderFocus: 0, evaluateBytes: 600 } }));
    }
    const [free, dear] = [(await depthsOf('free')).at(-1)!, (await depthsOf('dear')).at(-1)!];
    expect(free).toBeLessThanOrEqual(3);
    expect(dear).toBeGreaterThanOrEqual(1);
    expect(dear).toBeLessThan(free - 0.5);

    const evaluation = await evaluateRun('dear', { root, compressors: false });
    expect(evaluation.meanDepth).toBeCloseTo(dear, 5);
    const { model: trained, state } = await loadRun('dear', { root });
    const { meanDepth } = await generate(trained, state, { prompts: [new Uint8Array()], maxBytes: 20, seed: 1 });
    expect(meanDepth).toBeGreaterThanOrEqual(1);
    expect(meanDepth).toBeLessThan(free);
    state.free();
  });
});
