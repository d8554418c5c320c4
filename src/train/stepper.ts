import { hostArray, scalar } from '../compile/host-array.js';
import type { State } from '../compile/state.js';
import { NonetError } from '../core/errors.js';
import type { Batcher } from '../data/index.js';
import type { BitTransformer } from '../models/index.js';
import type { RunConfig } from './config.js';
import { type StepPrograms, stepPrograms } from './step.js';

export interface StepResult {
  /** Mean nats per bit. */
  readonly loss: number;
  /** The same without parity bits. */
  readonly payloadLoss: number;
  readonly gradientNorm: number;
}

/** Does optimizer steps on a state that it holds. */
export interface Stepper {
  readonly state: State;
  /**
   * Step `step` (0 is the first). Throws `E_NOT_FINITE` naming the op that first gave NaN or infinity; the state is then
   * as it was before the step.
   */
  run(step: number, learningRate: number): Promise<StepResult>;
}

export const createStepper = (model: BitTransformer, config: RunConfig, batcher: Batcher, initial: State): Stepper => {
  const { accumulation, batchSize } = config.train;
  const programs: StepPrograms = stepPrograms(model, { ...config.train, accumulation, parity: config.data.parity });
  const width = model.config.contextLength + 1;
  let state = initial;

  const scalars = (step: number, learningRate: number) => ({
    learningRate: scalar(learningRate),
    seed: scalar(config.seed, 'i32'),
    step: scalar(step, 'i32'),
  });

  const whole = async (step: number, learningRate: number) => {
    const { patches } = batcher.batch(step);
    const inputs = { patches: hostArray(patches, [batchSize, width]), ...scalars(step, learningRate) };
    const result = await guarded(
      () => programs.step(state, inputs),
      () => programs.step.findNotFinite(state, inputs),
      step,
    );
    return result;
  };

  const accumulated = async (step: number, learningRate: number) => {
    const inputs = scalars(step, learningRate);
    const patches = new Int32Array(accumulation * batchSize * width);
    for (let i = 0; i < accumulation; i++) patches.set(batcher.batch(step, i).patches, i * batchSize * width);
    const each = (value: (i: number) => number) => Int32Array.from({ length: accumulation }, (_, i) => value(i));
    const stacked = {
      patches: hostArray(patches, [accumulation, batchSize, width]),
      learningRate: hostArray(new Float32Array(accumulation)),
      seed: hostArray(each(() => config.seed)),
      // Every micro-batch draws dropout of its own.
      step: hostArray(each((i) => step * accumulation + i)),
    };
    const sums = await programs.accumulate.repeat(accumulation, state, stacked);
    state = sums.state;
    const payloads: Float32Array = sums.payloadLoss.data;
    const payloadLoss = scalar(payloads.reduce((total, one) => total + one, 0) / accumulation);
    // The sums only hold what some micro-batch has put there: the op to name is in that one's own program.
    const find = async () => {
      for (let i = 0; i < accumulation; i++) {
        const part = {
          patches: hostArray(batcher.batch(step, i).patches, [batchSize, width]),
          ...inputs,
          step: scalar(step * accumulation + i, 'i32'),
        };
        const culprit = await programs.gradients.findNotFinite(state, part);
        if (culprit) return culprit;
      }
      return programs.apply.findNotFinite(state, inputs);
    };
    const result = await guarded(() => programs.apply(state, inputs), find, step);
    return { ...result, payloadLoss };
  };

  return {
    get state() {
      return state;
    },
    run: async (step, learningRate) => {
      const result = accumulation > 1 ? await accumulated(step, learningRate) : await whole(step, learningRate);
      state = result.state;
      return {
        loss: result.loss.item(),
        payloadLoss: result.payloadLoss.item(),
        gradientNorm: result.gradientNorm.item(),
      };
    },
  };
};

/** Turns the guard that ends a step into an error that names the culprit, found by a second, checked run. */
const guarded = async <R>(
  run: () => Promise<R>,
  find: () => Promise<{ op: string; scope: string } | undefined>,
  step: number,
): Promise<R> => {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof NonetError) || error.code !== 'E_GUARD') throw error;
    const culprit = await find();
    const where = culprit
      ? `${culprit.op}${culprit.scope ? ` in ${culprit.scope}` : ''} gave it first`
      : 'no single op was found';
    const advice = 'Lower train.learningRate or train.clip, or resume from the last checkpoint.';
    const message = `step ${step + 1} gave NaN or infinity: ${where}. Nothing of this step was kept. ${advice}`;
    throw new NonetError('E_NOT_FINITE', message, { step, ...culprit });
  }
};
