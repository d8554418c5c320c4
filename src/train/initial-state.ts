import { findCheckpoint, loadCheckpoint } from '../checkpoint/index.js';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { scalar } from '../compile/host-array.js';
import { State } from '../compile/state.js';
import type { BitTransformer } from '../models/index.js';
import { initialParameters } from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';
import { writeArrays } from './arrays.js';
import type { RunConfig } from './config.js';
import { instructionSet } from './machine.js';
import type { SessionStart } from './session.js';
import { trainStateTypes } from './step.js';

/** The state that a session begins with. */
export const initialState = async (
  model: BitTransformer,
  config: RunConfig,
  { weights, checkpoint }: SessionStart,
  warn: (message: string) => void,
): Promise<State> => {
  const state = State.create(defaultExecutor(), trainStateTypes(model, config.train.accumulation, config.train));
  if (checkpoint) {
    writeArrays(state, 'parameters', checkpoint.model, 'the checkpoint');
    writeArrays(state, 'optimizer', checkpoint.optimizer, 'the checkpoint');
    const before = (checkpoint.state as { instructionSet?: string }).instructionSet;
    if (before && before !== instructionSet()) {
      warn(
        `this run was trained with ${before} and goes on with ${instructionSet()}: results will differ in the last bits.`,
      );
    }
    return state;
  }
  if (weights) {
    const folder = await findCheckpoint(weights, { root: config.run.root, warn });
    const { model: arrays } = await loadCheckpoint(folder, { optimizer: false });
    writeArrays(state, 'parameters', arrays, folder);
    return state;
  }
  return initialize(model, state, config.seed);
};

/** Draws the first values of all parameters. */
export const initialize = async (model: BitTransformer, state: State, seed: number): Promise<State> => {
  const init = compile(
    (_: unknown, key: { seed: Tensor; step: Tensor }) => ({ state: { parameters: initialParameters(model, key) } }),
    { donate: 'state' },
  );
  const { state: next } = await init(state, { seed: scalar(seed, 'i32'), step: scalar(0, 'i32') });
  return next;
};
