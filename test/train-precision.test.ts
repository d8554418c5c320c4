import { rm } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { defaultExecutor } from '../src/compile/default-executor.js';
import { generate } from '../src/generate/index.js';
import { evaluateRun } from '../src/train/evaluate.js';
import { loadRun } from '../src/train/load.js';
import { trainedModel } from '../src/train/model.js';
import { stepPlan } from '../src/train/plan.js';
import { train } from '../src/train/trainer.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, expectSameInParts, metricsOf } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

const precision = 'bf16';

describe('a run with precision bf16', () => {
  it.each([
    ['plain', { model: { dropout: 0.1 } }],
    ['accumulated', { model: { reversible: true }, train: { accumulation: 2 } }],
  ])('goes on as if it had never stopped: %s', async (name, { model, ...rest }) => {
    const settings = { steps: 20, evaluateEvery: 10, evaluateBytes: 600, ...('train' in rest ? rest.train : {}) };
    await expectSameInParts({ name, precision, model, train: settings }, [10]);
  });

  it('learns as float32 does, and is evaluated and writes as any other', async () => {
    const lossOf = async (name: string): Promise<number> => {
      const losses = (await metricsOf(name)).flatMap(({ loss }) => (loss === undefined ? [] : [Number(loss)]));
      return losses.at(-1)!;
    };
    const losses = [];
    for (const kind of ['float32', 'bf16'] as const) {
      await train(configOf({ name: kind, precision: kind }));
      losses.push(await lossOf(kind));
    }
    const [exact, lean] = losses as [number, number];
    expect(lean).not.toBe(exact);
    expect(Math.abs(lean / exact - 1)).toBeLessThan(0.05);
    const [a, b] = [await evaluateRun('float32', { root }), await evaluateRun('bf16', { root })];
    expect(Math.abs(b.bitsPerByte / a.bitsPerByte - 1)).toBeLessThan(0.05);
    const { model, state } = await loadRun('bf16', { root });
    const { rows } = await generate(model, state, { prompts: [new Uint8Array()], maxBytes: 20, seed: 1 });
    expect(rows[0]!.bytes.length).toBe(20);
    state.free();
  });

  it.skipIf(defaultExecutor().name !== 'native')('is planned with less memory and as much work', () => {
    const planned = (kind: 'float32' | 'bf16') => {
      const config = configOf({ name: 'plan', precision: kind, model: { contextLength: 256, layers: 8 } });
      return stepPlan(trainedModel(config), config);
    };
    const [whole, half] = [planned('float32'), planned('bf16')];
    expect(half.activationBytes).toBeLessThan(0.6 * whole.activationBytes);
    expect(half.flopsPerStep).toBe(whole.flopsPerStep);
  });
});
