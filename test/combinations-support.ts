import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkpointsFolder, latestCheckpoint, loadCheckpoint } from '../src/checkpoint/index.js';
import { compile } from '../src/compile/compile.js';
import { setThreads } from '../src/compile/default-executor.js';
import { hostArray } from '../src/compile/host-array.js';
import type { State } from '../src/compile/state.js';
import type { NonetError } from '../src/core/errors.js';
import { memoryStore } from '../src/data/index.js';
import type { LanguageModel } from '../src/models/index.js';
import { bind, joinParameters } from '../src/nn/index.js';
import type { Tensor, Tree } from '../src/tensor/index.js';
import { readArrays, writeArrays } from '../src/train/arrays.js';
import { localBatches } from '../src/train/batch-source.js';
import { checkConfig, type RunConfig } from '../src/train/config.js';
import { batchersOf } from '../src/train/data.js';
import { initialState } from '../src/train/initial-state.js';
import { trainedModel } from '../src/train/model.js';
import { createStepper } from '../src/train/stepper.js';
import { resume, train } from '../src/train/trainer.js';
import { drawBy, pick } from './engine-support.js';
import { type Combination, refusalsOf, switches, treeOf } from './switches.js';
import { hexOf } from './train-support.js';

const root = mkdtempSync(join(tmpdir(), 'nonet-combinations-'));
const text = Array.from({ length: 22 }, (_, i) => `${i * i} is ${i} times ${i}. `).join('');
const dataPath = join(root, 'text.txt');
const base = {
  run: { root, name: 'whole' },
  data: { path: dataPath, validationShare: 0.4 },
  train: { steps: 3, checkpointEvery: 2, keepCheckpoints: 99 },
};

const draw = drawBy(23);
const combination = (): Combination => {
  const of: Record<string, unknown> = {};
  for (const { key, values, fits } of switches) {
    const value = pick(draw, values);
    of[key] = draw(0, 14) === 0 || !fits || fits(of) ? value : undefined;
  }
  return of;
};
export const combinations = Array.from({ length: 200 }, combination);

/** To be called where the tests of a file stand that call `expectSound`. */
export const prepareRuns = (): void => {
  beforeAll(() => {
    writeFileSync(dataPath, text);
    setThreads(1);
  });
  afterAll(() => rm(root, { recursive: true, force: true }));
};

/** Tests that some of the combinations are refused with a reason, or causal, learn and go on where they were interrupted. */
export const testCombinations = (first: number, end: number): void => {
  prepareRuns();
  const parts = Array.from({ length: (end - first) / 20 }, (_, i) => first + 20 * i);
  it.each(parts)('20 from %d on', { timeout: 600_000 }, async (from) => {
    for (const of of combinations.slice(from, from + 20)) await expectSound(of);
  });
};

/** Every key of a combination as a run has it, what it leaves out too. */
export const completed = (of: Combination): Combination =>
  Object.fromEntries(
    Object.entries(configOf(of)).flatMap(([group, value]) => {
      if (typeof value !== 'object' || value === null) return [[group, value]];
      return Object.entries(value).map(([name, own]) => [`${group}.${name}`, own]);
    }),
  );

const configOf = (of: Combination): RunConfig => checkConfig(treeOf(of, base), 'the test', 'whole');

/**
 * Expects a run to be refused with a reason if it is to be, and else to be built, causal, to learn with finite gradients and
 * to go on from a checkpoint to the same bytes. `whole` is what decides on that: the combination with what it leaves out.
 */
export const expectSound = async (of: Combination, whole: Combination = of): Promise<void> => {
  const name = JSON.stringify(treeOf(of, {}));
  const messages = refusalsOf(whole);
  const check = (): RunConfig => configOf(of);
  if (messages.length > 0) {
    const error = failureOf(check);
    expect(error.code, name).toBe('E_CONFIG');
    expect(
      messages.some((message) => message.test(error.message)),
      error.message,
    ).toBe(true);
    return;
  }
  const config = check();
  try {
    const model = trainedModel(config);
    const state = await initialState(model, config, { config }, () => {});
    const learnt = await expectLearns(model, config, state);
    await expectCausal(model, learnt);
    learnt.free();
    await expectGoesOn();
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
  }

  /** A run, and from its checkpoint after two steps the same run again: the same bytes at the end. */
  async function expectGoesOn(): Promise<void> {
    const run = join(root, 'whole');
    try {
      const { steps } = await train(config);
      const end = await latest(run);
      for (let step = 3; step <= steps; step++) {
        rmSync(join(checkpointsFolder(run), `step-${step}`), { recursive: true, force: true });
      }
      writeFileSync(join(checkpointsFolder(run), 'latest'), 'step-2\n');
      expect(await resume('whole', [], { root })).toMatchObject({ steps });
      expect(await latest(run)).toEqual(end);
    } finally {
      rmSync(run, { recursive: true, force: true });
    }
  }
};

const latest = async (run: string) => {
  const { model, optimizer, state } = await loadCheckpoint(await latestCheckpoint(run));
  return { model: hexOf(model), optimizer: hexOf(optimizer), state };
};

interface Trained {
  readonly parameters: Tree<Tensor>;
}

/** Other patches at the end change no bit of what comes before them. */
const expectCausal = async (model: LanguageModel, state: State): Promise<void> => {
  const { contextLength: length, bitsPerPatch } = model;
  const nodes = compile((tree: Trained, inputs: Tensor) =>
    bind(model, joinParameters(tree), () => model.forward(inputs).nodes),
  );
  const patches = Int32Array.from({ length }, (_, i) => (i * i + (i >> 2)) % 2 ** bitsPerPatch);
  const from = length - 3;
  const other = patches.map((patch, i) => (i < from ? patch : patch ^ 1));
  const bitsOf = async (inputs: Int32Array): Promise<Buffer> => {
    const { data } = await nodes(state, hostArray(inputs, [1, length]));
    return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  };
  const [a, b] = [await bitsOf(patches), await bitsOf(other)];
  const kept = (a.length / length) * from;
  expect(a.equals(b)).toBe(false);
  expect(a.subarray(0, kept).equals(b.subarray(0, kept))).toBe(true);
};

/** On one batch with one dropout the loss falls with one of three learning rates, by finite gradients; the state then. */
const expectLearns = async (model: LanguageModel, config: RunConfig, state: State): Promise<State> => {
  const store = memoryStore(new TextEncoder().encode(text));
  const stepper = createStepper(
    model,
    config,
    localBatches(batchersOf(model, config, { trainBytes: store, meta: { files: [] } })),
    state,
  );
  const [parameters, optimizer] = [readArrays(state, 'parameters'), readArrays(state, 'optimizer')];
  // A step as long as its gradient, which is bounded by a share of weights that begin as zeros, is lost in rounding.
  const { optimizer: kind, clipKind } = config.train;
  const boost = clipKind === 'weight' && (kind === 'sgd' || kind === 'shampoo') ? 100 : 1;
  const falls: number[] = [];
  for (const divisor of [1, 4, 16]) {
    writeArrays(stepper.state, 'parameters', parameters, 'the start');
    writeArrays(stepper.state, 'optimizer', optimizer, 'the start');
    const order = { learningRate: (config.train.learningRate * boost) / divisor, seed: config.seed };
    const { loss: before, gradientNorm } = await stepper.run(0, order);
    expect(gradientNorm).toBeGreaterThan(0);
    expect(gradientNorm).toBeLessThan(Number.POSITIVE_INFINITY);
    const { loss: after } = await stepper.run(0, order);
    if (after < before) return stepper.state;
    falls.push(before - after);
  }
  throw new Error(`the loss does not fall: ${falls}`);
};

const failureOf = (act: () => unknown): NonetError => {
  try {
    act();
  } catch (error) {
    return error as NonetError;
  }
  throw new Error('it was not refused');
};
