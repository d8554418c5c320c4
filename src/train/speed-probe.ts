import { defaultExecutor } from '../compile/default-executor.js';
import { State } from '../compile/state.js';
import { NonetError } from '../core/errors.js';
import type { LanguageModel } from '../models/index.js';
import type { BatchSource } from './batch-source.js';
import type { RunConfig } from './config.js';
import { initialize } from './initial-state.js';
import { horizonOf, stepLearningRate } from './learning-rate.js';
import { trainStateTypes } from './step.js';
import { createStepper } from './stepper.js';

/** The configuration with as many steps as fit into a time, by the median of a few steps on a state that is thrown away. */
export const withStepsFor = async (
  minutes: number,
  model: LanguageModel,
  config: RunConfig,
  batches: BatchSource,
): Promise<RunConfig> => {
  const fresh = State.create(defaultExecutor(), trainStateTypes(model, config.train.accumulation, config.train));
  const stepper = createStepper(model, config, batches, await initialize(model, fresh, config.seed));
  const seconds: number[] = [];
  const began = performance.now();
  try {
    for (let step = 0; step < 3 || (performance.now() - began < 3000 && step < 200); step++) {
      const before = performance.now();
      const at = step % horizonOf(config);
      await stepper.run(at, { learningRate: stepLearningRate(config, at), seed: config.seed });
      seconds.push((performance.now() - before) / 1000);
    }
  } finally {
    stepper.state.free();
  }
  // The first step compiles.
  const usual = seconds.slice(1).sort((a, b) => a - b)[Math.floor((seconds.length - 1) / 2)]!;
  const steps = Math.max(1, Math.round((minutes * 60) / usual));
  if (!Number.isSafeInteger(steps))
    throw new NonetError('E_CONFIG', `train.minutes ${minutes} gives no number of steps`);
  const { minutes: _, ...train } = config.train;
  return { ...config, train: { ...train, steps } };
};
