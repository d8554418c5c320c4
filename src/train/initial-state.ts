import { findCheckpoint, loadCheckpoint, type NamedArray } from '../checkpoint/index.js';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { scalar } from '../compile/host-array.js';
import { State } from '../compile/state.js';
import { NonetError } from '../core/errors.js';
import type { LanguageModel } from '../models/index.js';
import { initialParameters } from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';
import { mergedWeights } from './adapter.js';
import { writeArrays } from './arrays.js';
import type { RunConfig } from './config.js';
import { checkpointConfig } from './load.js';
import { instructionSet } from './machine.js';
import type { SessionStart } from './session.js';
import { trainStateTypes } from './step.js';
import { writeKept } from './stream.js';

/** The state that a session begins with. */
export const initialState = async (
  model: LanguageModel,
  config: RunConfig,
  { weights, checkpoint, base }: SessionStart & { readonly base?: readonly NamedArray[] },
  warn: (message: string) => void,
): Promise<State> => {
  const state = State.create(defaultExecutor(), trainStateTypes(model, config.train.accumulation, config.train));
  if (base) writeArrays(state, 'frozen', base, 'the base of the adapters');
  if (checkpoint) {
    if (checkpoint.state.merged) {
      const advice = 'start a new run with init.from';
      throw new NonetError('E_RUN', `a run that was merged from adapters has no optimizer to go on with: ${advice}.`);
    }
    writeArrays(state, 'parameters', checkpoint.model, 'the checkpoint');
    writeKept(state, checkpoint.optimizer, 'the checkpoint');
    const before = (checkpoint.state as { instructionSet?: string }).instructionSet;
    if (before && before !== instructionSet()) {
      warn(
        `this run was trained with ${before} and goes on with ${instructionSet()}: results will differ in the last bits.`,
      );
    }
    return state;
  }
  if (weights && !base) {
    const { arrays, source } = await startingWeights(weights, config, warn);
    writeArrays(state, 'parameters', arrays, source);
    return state;
  }
  return initialize(model, state, config.seed);
};

/** The weights of `init.from`. */
export const startingWeights = async (
  weights: string,
  config: RunConfig,
  warn: (message: string) => void,
): Promise<{ arrays: readonly NamedArray[]; source: string }> => {
  const source = await findCheckpoint(weights, { root: config.run.root, warn });
  const content = await loadCheckpoint(source, { optimizer: false });
  return { arrays: await mergedWeights(source, content, checkpointConfig(source, content)), source };
};

/** Draws the first values of all parameters. */
export const initialize = async (model: LanguageModel, state: State, seed: number): Promise<State> => {
  const init = compile(
    (_: unknown, key: { seed: Tensor; step: Tensor }) => ({ state: { parameters: initialParameters(model, key) } }),
    { donate: 'state' },
  );
  const { state: next } = await init(state, { seed: scalar(seed, 'i32'), step: scalar(0, 'i32') });
  return next;
};
