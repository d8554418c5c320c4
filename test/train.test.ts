import { readFileSync, renameSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { latestCheckpoint, loadCheckpoint } from '../src/checkpoint/index.js';
import { BitTransformer, compile, defaultExecutor, hostArray, nn, type ops, State, scalar } from '../src/index.js';
import { traceEventPieces } from '../src/telemetry/index.js';
import { evaluateRun } from '../src/train/evaluate.js';
import { explainStep, traceOf } from '../src/train/explain.js';
import { stepLearningRate } from '../src/train/learning-rate.js';
import { planRun } from '../src/train/plan.js';
import { stepPrograms, trainStateTypes } from '../src/train/step.js';
import { resume, train } from '../src/train/trainer.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, weightsOf, metricsOf } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

describe('training', () => {
  it('learns, and writes down what it did', async () => {
    const result = await train(configOf({ name: 'plain', train: { evaluateEvery: 20, sampleEvery: 30 } }));
    expect(result).toMatchObject({ steps: 60, interrupted: false });
    expect(result.validation!.bitsPerByte).toBeLessThan(4);
    const rows = await metricsOf('plain');
    const losses = rows.filter((row) => 'loss' in row);
    expect(losses.map((row) => row.step)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    expect(losses[0]!.loss).toBeCloseTo(Math.LN2, 2);
    expect(rows.filter((row) => 'validation' in row).map((row) => row.step)).toEqual([20, 40, 60]);
    const samples = readFileSync(join(root, 'plain', 'samples.jsonl'), 'utf8')
      .trim()
      .split('\n');
    expect(samples.map((line) => JSON.parse(line).step)).toEqual([30]);
  });

  it('follows the learning rate schedule to the end of the true number of steps', async () => {
    const config = configOf({ name: 'schedule', train: { steps: 10, schedule: 'oneCycle', warmupShare: 0.3 } });
    await train(config);
    const rates = (await metricsOf('schedule')).filter((row) => 'loss' in row).map((row) => row.learningRate);
    expect(rates).toEqual(Array.from({ length: 10 }, (_, i) => stepLearningRate(config, i)));
    expect(rates.at(-1)).toBeCloseTo(1e-6, 12);
  });

  it('steps with the mean gradient of micro-batches when it accumulates', async () => {
    const model = new BitTransformer({
      preset: 'nano',
      layers: 1,
      dModel: 32,
      heads: 2,
      feedForward: 48,
      contextLength: 16,
    });
    const options = { betas: [0.9, 0.99] as [number, number], epsilon: 1e-8, weightDecay: 0.1, clip: 1 };
    const patches = Int32Array.from({ length: 8 * 17 }, (_, i) => (i * 37 + (i >> 4)) % 256);
    const scalars = { learningRate: scalar(1e-3), seed: scalar(1, 'i32'), step: scalar(0, 'i32') };
    const fresh = async (accumulation: number) => {
      const init = compile(
        (_: unknown, key: ops.RandomSource) => ({ state: { parameters: nn.initialParameters(model, key) } }),
        { donate: 'state' },
      );
      const empty = State.create(defaultExecutor(), trainStateTypes(model, accumulation));
      return (await init(empty, { seed: scalar(1, 'i32'), step: scalar(0, 'i32') })).state as State;
    };
    const whole = await stepPrograms(model, { ...options, accumulation: 1 }).step(await fresh(1), {
      patches: hostArray(patches, [8, 17]),
      ...scalars,
    });
    const parts = stepPrograms(model, { ...options, accumulation: 2 });
    const twice = {
      learningRate: hostArray(new Float32Array(2)),
      seed: hostArray(Int32Array.of(1, 1)),
      step: hostArray(Int32Array.of(0, 1)),
    };
    const sums = await parts.accumulate.repeat(2, await fresh(2), {
      patches: hostArray(patches, [2, 4, 17]),
      ...twice,
    });
    const applied = await parts.apply(sums.state, scalars);
    expect(applied.loss.item()).toBeCloseTo(whole.loss.item(), 6);
    expect(applied.gradientNorm.item()).toBeCloseTo(whole.gradientNorm.item(), 5);
    const path = 'optimizer.first.blocks.0.attention.qkv.weight';
    const [a, b] = [applied.state.read(path).data, whole.state.read(path).data];
    a.forEach((x: number, i: number) => expect(x).toBeCloseTo(b[i], 6));
  });

  it('turns a time into steps and writes them to the configuration', async () => {
    const result = await train(configOf({ name: 'timed', train: { minutes: 0.01 } }));
    const stored = JSON.parse(readFileSync(join(root, 'timed', 'config.json'), 'utf8'));
    expect(stored.train.steps).toBe(result.steps);
    expect(stored.train.minutes).toBeUndefined();
  });

  it('goes on where it was interrupted, and refuses another number of steps', async () => {
    const settings = { steps: 20, evaluateEvery: 7 };
    await train(configOf({ name: 'whole', train: settings }));
    const stop = new AbortController();
    // Evaluations are told when they are done; lines about steps come when the clock says so.
    const stream = { write: (line: string) => line.startsWith('step 7: validation') && stop.abort() };
    const first = await train(configOf({ name: 'halves', train: settings }), { signal: stop.signal, stream });
    expect(first).toMatchObject({ interrupted: true, steps: 7 });
    await expect(resume('halves', ['train.steps=30'], { root })).rejects.toMatchObject({ code: 'E_RUN' });
    const rest = await resume('halves', [], { root });
    expect(rest.interrupted).toBe(false);
    const bytes = (name: string) =>
      weightsOf(name).then((arrays) => arrays.map((array) => Buffer.from(array.data.buffer).toString('hex')));
    expect(await bytes('halves')).toEqual(await bytes('whole'));
    const losses = async (name: string) =>
      (await metricsOf(name)).filter((row) => 'loss' in row).map((row) => [row.step, row.loss]);
    expect(await losses('halves')).toEqual(await losses('whole'));
  });

  it('goes on from a checkpoint that a killed process was replacing', async () => {
    await train(configOf({ name: 'replaced', train: { steps: 2 } }));
    const checkpoints = join(root, 'replaced', 'checkpoints');
    // No process has this number: it lies above Linux's largest.
    for (const step of ['step-0', 'step-2'])
      renameSync(join(checkpoints, step), join(checkpoints, `${step}.old-99999999-0123abcd`));
    expect(await resume('replaced', [], { root })).toMatchObject({ steps: 2, interrupted: false });
  });

  it('says when a sample cannot be written', async () => {
    await train(configOf({ name: 'unwritable', train: { steps: 2 } }));
    symlinkSync(join('nowhere', 'samples'), join(root, 'unwritable', 'samples.jsonl'));
    const more = ['train.steps=4', 'train.sampleEvery=1'];
    await expect(resume('unwritable', more, { root, force: true })).rejects.toMatchObject({
      code: 'E_FILE',
      message: expect.stringMatching(/cannot write .*samples\.jsonl/),
    });
  });

  it('starts from the weights of another run', async () => {
    const result = await train(
      configOf({ name: 'tuned', train: { steps: 1, learningRate: 1e-9 }, init: { from: join(root, 'plain') } }),
    );
    const [tuned] = (await metricsOf('tuned')).filter((row) => 'loss' in row);
    expect(tuned!.loss as number).toBeLessThan(0.4);
    expect(result.validation!.bitsPerByte).toBeCloseTo(
      (await evaluateRun(join(root, 'plain'), { compressors: false })).bitsPerByte,
      3,
    );
  });

  it.each([1, 2])(
    'stops before a step of %i micro-batches that is not finite, names the op, and keeps the last good checkpoint',
    async (accumulation) => {
      const name = `blown ${accumulation}`;
      const rates = { learningRate: 1e30, warmupSteps: 0, clip: 1e30, weightDecay: 0 };
      const config = configOf({ name, train: { steps: 40, accumulation, ...rates } });
      await expect(train(config)).rejects.toMatchObject({
        code: 'E_NOT_FINITE',
        message: expect.stringMatching(/in blocks\.0\.\S+ gave it first/),
      });
      const checkpoint = await loadCheckpoint(await latestCheckpoint(join(root, name)));
      expect(checkpoint.model.every(({ data }) => data.every((x) => Number.isFinite(x)))).toBe(true);
    },
  );

  it.each([
    ['parity in patches of nine bits', { model: { bitsPerPatch: 9 }, data: { parity: true } }],
    ['flat bits', { model: { bitsPerPatch: 1, contextLength: 96 } }],
  ])('learns %s', async (what, changes) => {
    const result = await train(configOf({ name: what, ...changes, train: { steps: 150, learningRate: 1e-2 } }));
    expect(result.validation!.bitsPerByte).toBeLessThan(6.6);
    const parity = result.validation!.parityCrossEntropy;
    if (what.startsWith('parity')) expect(parity!).toBeLessThan(0.5);
    else expect(parity).toBeNull();
  });

  it('scores with a stride at most what it scores without', async () => {
    const apart = await evaluateRun(join(root, 'plain'), { compressors: false });
    const sliding = await evaluateRun(join(root, 'plain'), { compressors: false, stride: 4, perByte: true });
    expect(sliding.bitsPerByte).toBeLessThan(apart.bitsPerByte);
    const total = sliding.perByte!.reduce((sum, bits) => sum + bits, 0);
    expect(total / sliding.bytes).toBeCloseTo(sliding.bitsPerByte, 4);
  });

  it('plans what it then takes, and warns of too little data', async () => {
    const plan = await planRun(configOf({ name: 'planned', model: { dModel: 128, layers: 4, feedForward: 256 } }));
    expect(plan.parameters).toBeGreaterThan(100_000);
    expect(plan.peakBytes).toBeGreaterThan(12 * plan.parameters);
    expect(plan.warnings.join()).toMatch(/by heart/);
  });

  it('explains the program of a step, with measured times after a profile', async () => {
    const config = configOf({ name: 'explained' });
    const step = await explainStep(config, { profile: true });
    const { calls } = step;
    const flops = calls.reduce((sum, call) => sum + (call.ops.includes('matmul') ? call.flops : 0), 0);
    expect(flops).toBeGreaterThan(0.9 * (await planRun(config)).flopsPerStep * 0.9);
    expect(calls.filter((call) => call.kernel === 'attentionForward').map((call) => call.scope)).toEqual([
      'blocks.0.attention',
      'blocks.1.attention',
    ]);
    for (const call of calls) if (!call.attached && call.kernel === 'gemm') expect(call.seconds).toBeGreaterThan(0);
    const { traceEvents } = JSON.parse([...traceEventPieces(traceOf(step))].join(''));
    const slices = traceEvents.filter(({ cat }: { cat?: string }) => cat === 'attentionForward');
    const [attention] = calls.filter(({ kernel }) => kernel === 'attentionForward');
    expect(slices).toMatchObject([
      { ph: 'X', name: 'attentionForward blocks.0.attention', dur: attention!.seconds! * 1e6 },
      { ph: 'X', name: 'attentionForward blocks.1.attention' },
    ]);
  });
});
