import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generate } from '../src/generate/index.js';
import { evaluateRun } from '../src/train/evaluate.js';
import { loadRun } from '../src/train/load.js';
import { planRun } from '../src/train/plan.js';
import { train } from '../src/train/trainer.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, metricsOf, expectSameInParts } = trainingRoot();
afterAll(() => rmSync(root, { recursive: true, force: true }));

const model = {
  family: 'olmax',
  contextLength: 32,
  features: 16,
  pointwiseFeatures: 32,
  pointwiseKernel: 3,
  innerBottleneckFeatures: 8,
  outerBottleneckKernel: 3,
  innerBottleneckKernel: 3,
  spatialMixingKernel: 8,
  depth: 2,
  learningRateFactors: 'none',
};

describe.each(['softmax', 'tree'] as const)('a run of the family olmax with the head %s', (head) => {
  const name = `whales-${head}`;
  const config = configOf({ name, model: { ...model, head } });
  beforeAll(() => train(config).then(() => {}), 60_000);

  it('learns, and tells its accuracy', async () => {
    const rows = (await metricsOf(name)).filter((row) => 'loss' in row);
    const last = rows.at(-1)!;
    expect(Number(last.bitsPerByte)).toBeLessThan(0.6 * Number(rows[0]!.bitsPerByte));
    expect(Number(last.accuracy)).toBeGreaterThan(0.3);
    expect(Number(last.accuracy)).toBeLessThanOrEqual(1);
  });

  it('is planned, evaluated and goes on with a text beyond its context', async () => {
    const plan = await planRun(config);
    const score = await evaluateRun(name, { root, compressors: false });
    expect(score.bitsPerByte).toBeLessThan(4);
    const { model: loaded, state } = await loadRun(name, { root });
    expect(plan.parameters).toBeGreaterThan(0);
    const prompts = ['whale ship sea captain harpoon deck wind night whale', 's'].map((text) => Buffer.from(text));
    const options = { maxBytes: 70, temperature: 0, seed: 3 };
    const both = await generate(loaded, state, { ...options, prompts });
    expect(both.slid).toBe(true);
    expect(both.rows.map(({ bytes }) => bytes.length)).toEqual([70, 70]);
    // A row does not depend on those beside it, though they are filled and slide at other times.
    for (const [i, prompt] of prompts.entries()) {
      const alone = await generate(loaded, state, { ...options, prompts: [prompt], bytesPerCall: 5 });
      expect(Buffer.from(alone.rows[0]!.bytes).toString()).toBe(Buffer.from(both.rows[i]!.bytes).toString());
    }
    state.free();
  });
});

describe('the family olmax', () => {
  it('is the same in parts, with the optimizer of squared gradients and micro-batches', async () => {
    const rows = await expectSameInParts(
      {
        name: 'tg',
        model: { ...model, learningRateFactors: 'perTap', devices: 2 },
        train: {
          ...{ steps: 20, optimizer: 'tgAdam', accumulation: 2, batchSize: 4, clipKind: 'weight', clipRatio: 1e-3 },
          ...{ evaluateEvery: 8, checkpointEvery: 8 },
        },
      },
      [8],
    );
    expect(rows.filter((row) => 'accuracy' in row)).toHaveLength(20);
  }, 120_000);

  it.each([
    [{ data: { parity: true } }, /data\.parity: the family olmax/],
    [{ precision: 'bf16' as const }, /precision bf16: the family olmax/],
    [{ train: { labelSmoothing: 0.1 } }, /train\.labelSmoothing: the family olmax/],
    [{ train: { stream: true } }, /train\.stream: models of the family olmax/],
    [
      { model: { ...model, layers: 3 } },
      /model\.layers: does not go with the other keys here: it belongs to model.family=bit-transformer/,
    ],
    [{ model: { ...model, featurs: 3 } }, /did you mean model\.features/],
    [{ model: { ...model, family: 'olmx' } }, /"bit-transformer" or "olmax"/],
    [
      { model: { ...model, contextLength: 60 } },
      /no multiple of spatialMixingKernel 8; set spatialMixingKernel to 6, or contextLength to 56 or 64$/,
    ],
    [{ model: { ...model, contextLength: 1 } }, /no multiple of spatialMixingKernel 8; set contextLength to 8$/],
    [{ model: { ...model, contextLength: 25, mixing: 'none', devices: 2 } }, /no multiple of devices 2/],
    [{ model: { ...model, mixing: 'attention', heads: 3 } }, /over 3 heads/],
    [{ model: { ...model, head: 'tree', zLoss: 0.1 } }, /zLoss 0\.1 is of softmax, .*; leave it out/],
  ])('is refused where keys do not fit: %#', (changes, message) => {
    expect(() => configOf({ name: 'wrong', model, ...changes })).toThrow(message);
  });
});
