import { createRun, type RunFolder, saveCheckpoint, writeRunConfig } from '../checkpoint/index.js';
import { NonetError } from '../core/errors.js';
import { readArrays } from './arrays.js';
import { type LoadOptions, loadRun } from './load.js';
import { plain } from './save.js';

/**
 * Makes a run that stands alone from one of adapters: what they learnt is added to the weights that they build on. It can be
 * evaluated, write, and be the start of other runs.
 *
 * @throws NonetError `E_RUN` where the run has no adapters, or there is a run of that name already.
 *
 * @example
 * const { path } = await mergeRun('letters', 'letters-merged');
 * const { bitsPerByte } = await evaluateRun(path);
 */
export const mergeRun = async (pathOrName: string, name: string, options: LoadOptions = {}): Promise<RunFolder> => {
  const { config, state, step } = await loadRun(pathOrName, options);
  try {
    const { adapter, init: _, ...rest } = config;
    if (!adapter) {
      const advice = 'it stands alone already; init.from takes it as it is.';
      throw new NonetError('E_RUN', `${pathOrName} has no adapters to merge: ${advice}`, { path: pathOrName });
    }
    const merged = plain({ ...rest, init: {}, run: { ...config.run, name } });
    const run = await createRun(options.root ?? config.run.root, name);
    await writeRunConfig(run, merged);
    await saveCheckpoint(run.path, {
      step,
      config: merged,
      model: readArrays(state, 'parameters'),
      optimizer: [],
      state: { step, seed: config.seed, merged: true },
    });
    return run;
  } finally {
    state.free();
  }
};
