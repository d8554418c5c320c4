import { hostArray, scalar } from '../compile/host-array.js';
import type { State } from '../compile/state.js';
import { NonetError } from '../core/errors.js';
import { type Batch, batchBytes } from '../data/index.js';
import type { BitTransformer } from '../models/index.js';
import { type BatchForm, batchInputs, stackedInputs } from './batch-inputs.js';
import type { BatchSource } from './batch-source.js';
import type { RunConfig } from './config.js';
import { createUsageMean } from './expert-usage.js';
import { type StepPrograms, spikeGuard, stepOptions, stepPrograms } from './step.js';

/** What a step is told. */
export interface StepOrder {
  readonly learningRate: number;
  /** Of its batch and its dropout. */
  readonly seed: number;
  /** A step with a loss above it is left out; without it none is. */
  readonly lossLimit?: number;
}

export interface StepResult {
  /** Mean nats per bit, as it is minimised. */
  readonly loss: number;
  /** The same without parity bits and smoothing. */
  readonly payloadLoss: number;
  /** Missing where the step was left out. */
  readonly gradientNorm?: number;
  /** What its batches took to the core. */
  readonly batchBytes: number;
  /** Time for which it waited until they were made. */
  readonly dataWaitSeconds: number;
  /** With experts: share of each one in each block, row by row; missing where the step was left out. */
  readonly expertUsage?: Float32Array;
}

/** Of a step, but for what is known of its batches before. */
type Outcome = Omit<StepResult, 'batchBytes' | 'dataWaitSeconds'>;

/** Does optimizer steps on a state that it holds. */
export interface Stepper {
  readonly state: State;
  /**
   * Step `step` (0 is the first). Throws `E_NOT_FINITE` naming the op that first gave NaN or infinity; the state is then
   * as it was before the step, and so it is after a step that was left out.
   */
  run(step: number, order: StepOrder): Promise<StepResult>;
}

/** What a step's program is told of batches. */
export const batchForm = (model: BitTransformer, { train }: RunConfig): BatchForm => ({
  patches: model.config.contextLength + 1,
  bitsPerPatch: model.bitsPerPatch,
  compression: train.compression !== undefined,
  stream: train.stream,
});

export const createStepper = (
  model: BitTransformer,
  config: RunConfig,
  batches: BatchSource,
  initial: State,
): Stepper => {
  const { accumulation } = config.train;
  const programs: StepPrograms = stepPrograms(model, stepOptions(config));
  const form = batchForm(model, config);
  let state = initial;

  const scalars = (step: number, { learningRate, seed, lossLimit }: StepOrder) => ({
    learningRate: scalar(learningRate),
    seed: scalar(seed, 'i32'),
    step: scalar(step, 'i32'),
    ...(lossLimit !== undefined && { lossLimit: scalar(lossLimit) }),
  });

  const whole = async (step: number, order: StepOrder, [batch]: readonly Batch[]): Promise<Outcome> => {
    const inputs = { ...batchInputs(batch!, form), ...scalars(step, order) };
    const find = () => programs.step.findNotFinite(state, inputs);
    const result = await guarded(() => programs.step(state, inputs), find, step);
    const told = result ?? (await programs.losses(state, inputs));
    state = told.state;
    const { loss, payloadLoss, gradientNorm, expertUsage } = told;
    const usage = expertUsage && { expertUsage: expertUsage.data as Float32Array };
    return { loss: loss.item(), payloadLoss: payloadLoss.item(), gradientNorm: gradientNorm?.item(), ...usage };
  };

  const accumulated = async (step: number, order: StepOrder, all: readonly Batch[]): Promise<Outcome> => {
    const inputs = scalars(step, order);
    // Every micro-batch draws dropout of its own.
    const parts = all.map((batch, i) => ({ batch, rows: batch.rows, step: step * accumulation + i }));
    const rowsOfStep = parts.reduce((sum, { rows }) => sum + rows, 0);
    let payloadSum = 0;
    const usages = createUsageMean();
    // What is only bounded cannot be stacked.
    for (const group of form.compression ? parts.map((part) => [part]) : alike(parts)) {
      const [{ rows }, count] = [group[0]!, group.length];
      const times = count > 1 ? [count] : [];
      const stacked = {
        ...(count > 1
          ? stackedInputs(
              group.map((part) => part.batch),
              form,
            )
          : batchInputs(group[0]!.batch, form)),
        learningRate: hostArray(new Float32Array(count), times),
        seed: hostArray(new Int32Array(count).fill(order.seed), times),
        step: hostArray(
          Int32Array.from(group, (part) => part.step),
          times,
        ),
        share: hostArray(new Float32Array(count).fill(rows / rowsOfStep), times),
      };
      const sums = await programs.accumulate.repeat(count, state, stacked);
      state = sums.state;
      const payloads: Float32Array = sums.payloadLoss.data;
      payloadSum += payloads.reduce((total, one) => total + one, 0) * rows;
      if (sums.expertUsage) usages.add(sums.expertUsage.data, count, rows / rowsOfStep);
    }
    // Rounded as the loss is, which is a sum in the engine.
    const payloadLoss = scalar(payloadSum / rowsOfStep).item();
    // The sums only hold what some micro-batch has put there: the op to name is in that one's own program.
    const find = async () => {
      for (const part of parts) {
        const own = { ...batchInputs(part.batch, form), ...inputs, step: scalar(part.step, 'i32') };
        const culprit = await programs.gradients.findNotFinite(state, own);
        if (culprit) return culprit;
      }
      return programs.apply.findNotFinite(state, inputs);
    };
    const result = await guarded(() => programs.apply(state, inputs), find, step);
    if (!result) {
      const loss = state.read('lossSum').item();
      state = (await programs.clear(state)).state;
      return { loss, payloadLoss };
    }
    state = result.state;
    const expertUsage = usages.mean();
    const figures = { loss: result.loss.item(), payloadLoss, gradientNorm: result.gradientNorm.item() };
    return { ...figures, ...(expertUsage && { expertUsage }) };
  };

  return {
    get state() {
      return state;
    },
    run: async (step, order) => {
      const { seed } = order;
      const began = performance.now();
      const all: Batch[] = [];
      for (let microBatch = 0; microBatch < batches.microBatches(seed, step); microBatch++) {
        all.push(await batches.batch({ seed, step, microBatch }));
      }
      const dataWaitSeconds = (performance.now() - began) / 1000;
      const outcome = await (accumulation > 1 ? accumulated : whole)(step, order, all);
      return { ...outcome, batchBytes: all.reduce((sum, batch) => sum + batchBytes(batch), 0), dataWaitSeconds };
    },
  };
};

/** Neighbours with as many rows, which one call does: only the last batch of an epoch is smaller. */
const alike = <P extends { readonly rows: number }>(parts: readonly P[]): P[][] => {
  const groups: P[][] = [];
  for (const part of parts) {
    const last = groups.at(-1);
    if (last?.[0]?.rows === part.rows) last.push(part);
    else groups.push([part]);
  }
  return groups;
};

/**
 * Nothing where the loss was above its limit. Turns the guard that ends any other step into an error that names the culprit,
 * found by a second, checked run.
 */
const guarded = async <R>(
  run: () => Promise<R>,
  find: () => Promise<{ op: string; scope: string } | undefined>,
  step: number,
): Promise<R | undefined> => {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof NonetError) || error.code !== 'E_GUARD') throw error;
    if (error.details.guard === spikeGuard) return undefined;
    const culprit = await find();
    const where = culprit
      ? `${culprit.op}${culprit.scope ? ` in ${culprit.scope}` : ''} gave it first`
      : 'no single op was found';
    const advice = 'Lower train.learningRate or train.clip, or resume from the last checkpoint.';
    const message = `step ${step + 1} gave NaN or infinity: ${where}. Nothing of this step was kept. ${advice}`;
    throw new NonetError('E_NOT_FINITE', message, { step, ...culprit });
  }
};
