import { join } from 'node:path';
import { type CheckpointContent, findCheckpoint, loadCheckpoint } from '../checkpoint/index.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { State } from '../compile/state.js';
import { createModel, type LanguageModel } from '../models/index.js';
import { parameterTypes } from '../nn/index.js';
import { mergedWeights } from './adapter.js';
import { writeArrays } from './arrays.js';
import { checkConfig, type RunConfig } from './config.js';

/** A trained model with its weights in memory: `state` holds `parameters.*`. */
export interface LoadedRun {
  readonly config: RunConfig;
  readonly model: LanguageModel;
  readonly state: State;
  readonly step: number;
  /** The checkpoint's folder. */
  readonly folder: string;
}

export interface LoadOptions {
  /** The checkpoint of that step instead of the latest intact one. */
  readonly checkpoint?: number;
  readonly root?: string;
  readonly warn?: (message: string) => void;
}

/** The configuration of the run that a checkpoint is of. */
export const checkpointConfig = (folder: string, { config }: CheckpointContent): RunConfig =>
  checkConfig(config, join(folder, 'config.json'), 'run');

/**
 * Loads a run, adapters merged, by its name or folder (with `@best` behind it its best checkpoint), or a checkpoint by its folder.
 * Throws `E_RUN` if there is none, `E_CHECKPOINT` if it is damaged or of another model, `E_USAGE` for `@best` with a `checkpoint`.
 */
export const loadRun = async (pathOrName: string, options: LoadOptions = {}): Promise<LoadedRun> => {
  const { checkpoint: step, root, warn } = options;
  const folder = await findCheckpoint(pathOrName, { root, warn, step });
  const content = await loadCheckpoint(folder);
  const config = checkpointConfig(folder, content);
  const arrays = await mergedWeights(folder, content, config);
  const model = createModel(config.model);
  const state = State.create(defaultExecutor(), { parameters: parameterTypes(model) });
  writeArrays(state, 'parameters', arrays, folder);
  return { config, model, state, step: content.step, folder };
};
