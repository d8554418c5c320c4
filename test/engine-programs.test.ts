import { describe, expect, it } from 'vitest';
import type { HostArray } from '../src/compile/host-array.js';
import { hostArray, scalar } from '../src/compile/host-array.js';
import { NativeExecutor } from '../src/compile/native/executor.js';
import { State } from '../src/compile/state.js';
import { memoryStore } from '../src/data/index.js';
import { decodeProgram, decodeStateTypes, prefillProgram } from '../src/generate/decode-program.js';
import { frameLayout } from '../src/generate/frames.js';
import { generate } from '../src/generate/index.js';
import { BitTransformer, type BitTransformerOptions } from '../src/models/index.js';
import { randomParameters } from '../src/nn/test-support.js';
import { createScorer } from '../src/train/score.js';
import { stepPrograms, trainStateTypes } from '../src/train/step.js';
import { drawBy, expectSameBits, native, poisoned, values } from './engine-support.js';

const { addon } = native;
const tiny = { layers: 2, dModel: 16, heads: 2, feedForward: 24, contextLength: 36, dropout: 0.2 } as const;

/** Models that between them have every option, and whether their data has parity bits. */
const models: [string, BitTransformerOptions, boolean][] = [
  ['bytes', { ...tiny }, false],
  ['classic, with parity', { ...tiny, preset: 'classic' }, true],
  [
    'half bytes, older parts',
    { ...tiny, bitsPerPatch: 4, norm: 'layer', biases: true, activation: 'gelu', positions: 'sinusoidal' },
    false,
  ],
  [
    'bytes with parity, learned positions, squared relu, no tied head',
    { ...tiny, bitsPerPatch: 9, positions: 'learned', activation: 'reluSquared', tiedHead: false, finalNorm: false },
    true,
  ],
];

const bytes = Uint8Array.from({ length: 150 }, (_, i) => (i * i * 7 + 13) % 251);

const optimizer = { betas: [0.9, 0.99], epsilon: 1e-8, weightDecay: 0.1, clip: 1 } as const;

/** Two optimizer steps of two micro-batches each, then one of a whole batch: every loss, and the state. */
const trained = async (model: BitTransformer, parity: boolean, executor: NativeExecutor): Promise<HostArray[]> => {
  const { contextLength, bitsPerPatch } = model.config;
  const programs = stepPrograms(model, { ...optimizer, betas: [...optimizer.betas], accumulation: 2, parity });
  const inputs = (step: number) => ({ learningRate: scalar(1e-2), seed: scalar(5, 'i32'), step: scalar(step, 'i32') });
  const patches = (seed: number): HostArray =>
    values(drawBy(seed), [2, contextLength + 1], 'i32', [0, 2 ** bitsPerPatch]);
  let state = State.create(executor, trainStateTypes(model, 2));
  const whole = State.create(executor, trainStateTypes(model, 1));
  const parameters = randomParameters(model, 3, 0.2);
  for (const to of [state, whole]) fill(to, parameters);
  const results: HostArray[] = [];
  for (let step = 0; step < 2; step++) {
    for (let part = 0; part < 2; part++) {
      const result = await programs.accumulate(state, { patches: patches(2 * step + part), ...inputs(step) });
      state = result.state;
      results.push(result.loss, result.payloadLoss);
    }
    const result = await programs.apply(state, inputs(step));
    state = result.state;
    results.push(result.loss, result.gradientNorm);
  }
  const last = await programs.step(whole, { patches: patches(9), ...inputs(0) });
  results.push(last.loss, last.gradientNorm, ...contents(state), ...contents(last.state));
  state.free();
  last.state.free();
  return results;
};

const contents = (state: State): HostArray[] => state.paths.map((path) => state.read(path));

const fill = (state: State, parameters: ReturnType<typeof randomParameters>): void => {
  const source = State.create(state.executor, { parameters });
  for (const path of source.paths) state.write(path, source.read(path));
  source.free();
};

const scored = async (model: BitTransformer, parity: boolean, executor: NativeExecutor): Promise<HostArray[]> => {
  const state = State.create(executor, { parameters: randomParameters(model, 3) });
  const score = await createScorer(model)(state, memoryStore(bytes), { parity, perByte: true });
  state.free();
  return [hostArray(Float64Array.of(score.bitsPerByte, score.parityCrossEntropy ?? 0)), hostArray(score.perByte!)];
};

/** Texts from all kinds of decoding programs, long enough for the window to slide. */
const written = async (model: BitTransformer, parity: boolean, executor: NativeExecutor): Promise<HostArray[]> => {
  const state = State.create(executor, { parameters: randomParameters(model, 3) });
  const prompts = [Uint8Array.of(65), Uint8Array.of(66, 67, 68), Uint8Array.of()];
  const results: HostArray[] = [];
  for (const how of [{}, { utf8: true, topK: 50, topP: 0.9 }, ...(parity ? [{ parity: 'sample' } as const] : [])]) {
    const { rows } = await generate(model, state, { prompts, maxBytes: 40, seed: 2, dataParity: parity, ...how });
    for (const row of rows) results.push(hostArray(row.bytes), scalar(row.parityErrors, 'i32'));
  }
  state.free();
  return results;
};

describe.each(models)('every program of a model (%s)', (_, options, parity) => {
  const model = new BitTransformer(options);

  it.each([
    ['training, with and without micro-batches', trained],
    ['evaluation', scored],
    ['generation', written],
  ])('reads no dead memory: %s', async (_, run) => {
    const threads = new NativeExecutor(addon, 2);
    const plain = await run(model, parity, threads);
    expectSameBits(await poisoned(() => run(model, parity, threads)), plain, 'with and without poison');
  });

  it('takes the memory that its plan says when it writes', async () => {
    const executor = new NativeExecutor(addon, 1);
    const weights = State.create(executor, { parameters: randomParameters(model, 3) });
    const cache = State.create(executor, decodeStateTypes(model, 2));
    const layout = frameLayout(model.bitsPerPatch, parity);
    const draws = hostArray(new Float32Array(4).fill(0.5), [2, 2]);
    const chunk = { patches: hostArray(new Int32Array(20), [2, 10]), start: hostArray(new Int32Array(2)) };
    const prefill = prefillProgram(model);
    const decode = decodeProgram(model, { layout, utf8: false, sampleParity: false });
    const stateBytes = weights.layout.bytes + cache.layout.bytes;

    const expectPeak = async (plan: { peakBytes: number }, run: () => Promise<{ state: State }>): Promise<State> => {
      const before = addon.memory().current;
      addon.resetPeak();
      const { state } = await run();
      expect(addon.memory().peak - before + stateBytes).toBe(plan.peakBytes);
      return state;
    };
    const filled = await expectPeak(prefill.plan(weights, cache, chunk), () => prefill(weights, cache, chunk));
    await expectPeak(decode.plan(weights, filled, draws), () => decode(weights, filled, draws));
  });
});
