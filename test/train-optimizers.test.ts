import { rm } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { planRun } from '../src/train/plan.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, checkpointOf, expectSameInParts } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

/** Optimizers with a learning rate that suits the small run, and what their checkpoints hold. */
const optimizers: [name: string, settings: object, kept: string[]][] = [
  ['muon', { learningRate: 5e-3, muonRate: 4 }, ['first', 'second', 'momentum']],
  ['lion', { learningRate: 2e-3 }, ['momentum']],
  ['adaptiveLion', { learningRate: 2e-3 }, ['momentum', 'gradientNorm']],
  ['adafactor', { learningRate: 2e-2, weightDecay: 0 }, ['rows', 'columns', 'second']],
  ['tgAdam', { learningRate: 5e-3, accumulation: 2, batchSize: 8 }, ['first', 'second', 'squares']],
  [
    'shampoo',
    { learningRate: 1e-2, preconditionFrom: 3, preconditionEvery: 6, statisticsEvery: 2 },
    ['first', 'second', 'statistics0x0', 'statistics0x1', 'root0x0', 'root0x1'],
  ],
  [
    'soap',
    { learningRate: 1e-2, preconditionEvery: 4, preconditionSkip: 100 },
    ['first', 'second', 'statistics0', 'statistics1', 'basis0', 'basis1'],
  ],
  ['sgd', { learningRate: 0.5, momentum: 0.9, weightDecay: 0 }, ['momentum']],
];

describe.each(optimizers)('a run with %s', (optimizer, settings, kept) => {
  it('learns, and goes on after interruptions as if there were none', async () => {
    const train = { optimizer, steps: 24, evaluateEvery: 11, ...settings };
    const rows = await expectSameInParts({ name: optimizer, model: { layers: 1 }, train }, [11]);
    const losses = rows.flatMap(({ loss }) => (typeof loss === 'number' ? [loss] : []));
    expect(losses.at(-1)!).toBeLessThan(0.58);
    const { optimizer: arrays } = await checkpointOf(`${optimizer} whole`);
    expect(new Set(arrays.map(({ name }) => name.split('.')[0]))).toEqual(new Set(kept));
  });
});

describe('optimizers', () => {
  it('take the memory that their states need', async () => {
    const model = { dModel: 128, layers: 4, heads: 4, feedForward: 512 };
    const size = async (optimizer: string) => planRun(configOf({ name: 'size', model, train: { optimizer } }));
    const { parameters, peakBytes } = await size('adamw');
    expect(peakBytes - (await size('lion')).peakBytes).toBeGreaterThan(3.9 * parameters);
    expect(peakBytes - (await size('adafactor')).peakBytes).toBeGreaterThan(7 * parameters);
  });

  it('count the FLOPs of the model alone', async () => {
    const flops = async (optimizer: string) =>
      (await planRun(configOf({ name: 'flops', train: { optimizer } }))).flopsPerStep;
    expect(await flops('muon')).toBe(await flops('adamw'));
    expect(await flops('shampoo')).toBe(await flops('adamw'));
    expect(await flops('tgAdam')).toBe(await flops('adamw'));
  });
});
