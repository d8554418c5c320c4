import type { Argument, Compiled, Result } from '../compile/compile.js';
import { hostArray, scalar } from '../compile/host-array.js';
import type { State } from '../compile/state.js';
import { NonetError } from '../core/errors.js';
import { type Batch, batchBytes } from '../data/index.js';
import type { LanguageModel } from '../models/index.js';
import { type BatchForm, batchInputs } from './batch-inputs.js';
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
  /** Share of patches that were predicted right, of models that predict them as a whole; missing where the step was left out. */
  readonly accuracy?: number;
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
  /**
   * The steps from `step` on, one for each order, several in one native call: the same bits as one after the other. Not for
   * steps of several micro-batches, compressed batches, or limits on losses. The error of a step that failed is returned,
   * since those before it are done and count.
   */
  runMany(step: number, orders: readonly StepOrder[]): Promise<ManySteps>;
}

export interface ManySteps {
  readonly results: readonly StepResult[];
  readonly error?: unknown;
}

/** Makes a call of one of the programs of training, plainly or measured. */
export interface Caller {
  /** Whether the next calls are measured; each then runs its program once. */
  readonly isMeasuring: boolean;
  call(name: string, program: Compiled, args: readonly Argument[]): Promise<Result>;
}

const plainCaller: Caller = { isMeasuring: false, call: (_, program, args) => program(...args) };

/** What a step's program is told of batches. */
export const batchForm = (model: LanguageModel, { train }: RunConfig): BatchForm => ({
  patches: model.contextLength + 1,
  bitsPerPatch: model.bitsPerPatch,
  compression: train.compression !== undefined,
  stream: train.stream,
});

export const createStepper = (
  model: LanguageModel,
  config: RunConfig,
  batches: BatchSource,
  initial: State,
  caller = plainCaller,
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
    const inputs = { ...batchInputs([batch!], form), ...scalars(step, order) };
    const find = () => programs.step.findNotFinite(state, inputs);
    const result = await guarded(() => caller.call('step', programs.step, [state, inputs]), find, step);
    const told = result ?? (await caller.call('losses', programs.losses, [state, inputs]));
    state = told.state;
    return outcomeOf(told, 0);
  };

  /** As many steps as batches, which have as many rows. */
  const several = async (step: number, orders: readonly StepOrder[], all: readonly Batch[]) => {
    const times = all.length > 1 ? [all.length] : [];
    const inputs = {
      ...batchInputs(all, form),
      learningRate: hostArray(
        Float32Array.from(orders, (order) => order.learningRate),
        times,
      ),
      seed: hostArray(
        Int32Array.from(orders, (order) => order.seed),
        times,
      ),
      step: hostArray(
        Int32Array.from(orders, (_, i) => step + i),
        times,
      ),
    };
    let done = all.length;
    let told: Result;
    let error: unknown;
    try {
      told = await programs.step.repeat(all.length, state, inputs);
      state = told.state;
    } catch (thrown) {
      if (!isGuard(thrown)) throw thrown;
      ({ repetition: done, returned: told } = thrown.details as { repetition: number; returned: Result });
      const culprit = { ...batchInputs([all[done]!], form), ...scalars(step + done, orders[done]!) };
      error = await notFinite(() => programs.step.findNotFinite(state, culprit), step + done);
    }
    return { outcomes: Array.from({ length: done }, (_, i) => outcomeOf(told, i)), error };
  };

  const accumulated = async (step: number, order: StepOrder, all: readonly Batch[]): Promise<Outcome> => {
    const inputs = scalars(step, order);
    // Every micro-batch draws dropout of its own.
    const parts = all.map((batch, i) => ({ batch, rows: batch.rows, step: step * accumulation + i }));
    const rowsOfStep = parts.reduce((sum, { rows }) => sum + rows, 0);
    let payloadSum = 0;
    let accuracySum: number | undefined;
    const usages = createUsageMean();
    // What is only bounded cannot be stacked.
    const isApart = form.compression || caller.isMeasuring;
    for (const group of isApart ? parts.map((part) => [part]) : alike(parts)) {
      const [{ rows }, count] = [group[0]!, group.length];
      const times = count > 1 ? [count] : [];
      const stacked = {
        ...batchInputs(
          group.map((part) => part.batch),
          form,
        ),
        learningRate: hostArray(new Float32Array(count), times),
        seed: hostArray(new Int32Array(count).fill(order.seed), times),
        step: hostArray(
          Int32Array.from(group, (part) => part.step),
          times,
        ),
        share: hostArray(new Float32Array(count).fill(rows / rowsOfStep), times),
      };
      const sums =
        count > 1
          ? await programs.accumulate.repeat(count, state, stacked)
          : await caller.call('accumulate', programs.accumulate, [state, stacked]);
      state = sums.state;
      for (const one of sums.payloadLoss.data as Float32Array) payloadSum += one * rows;
      for (const one of (sums.accuracy?.data ?? []) as Float32Array) accuracySum = (accuracySum ?? 0) + one * rows;
      if (sums.expertUsage) usages.add(sums.expertUsage.data, count, rows / rowsOfStep);
    }
    // Rounded as the loss is, which is a sum in the engine.
    const payloadLoss = scalar(payloadSum / rowsOfStep).item();
    // The sums only hold what some micro-batch has put there: the op to name is in that one's own program.
    const find = async () => {
      for (const part of parts) {
        const own = { ...batchInputs([part.batch], form), ...inputs, step: scalar(part.step, 'i32') };
        const culprit = await programs.gradients.findNotFinite(state, own);
        if (culprit) return culprit;
      }
      return programs.apply.findNotFinite(state, inputs);
    };
    const result = await guarded(() => caller.call('apply', programs.apply, [state, inputs]), find, step);
    if (!result) {
      const loss = state.read('lossSum').item();
      state = (await programs.clear(state)).state;
      return { loss, payloadLoss };
    }
    state = result.state;
    const expertUsage = usages.mean();
    const figures = { loss: result.loss.item(), payloadLoss, gradientNorm: result.gradientNorm.item() };
    const right = accuracySum !== undefined && { accuracy: accuracySum / rowsOfStep };
    return { ...figures, ...right, ...(expertUsage && { expertUsage }) };
  };

  const batchesOf = async (step: number, { seed }: StepOrder) => {
    const began = performance.now();
    const all: Batch[] = [];
    for (let microBatch = 0; microBatch < batches.microBatches(seed, step); microBatch++) {
      all.push(await batches.batch({ seed, step, microBatch }));
    }
    const dataWaitSeconds = (performance.now() - began) / 1000;
    return { all, batchBytes: all.reduce((sum, batch) => sum + batchBytes(batch), 0), dataWaitSeconds };
  };

  return {
    get state() {
      return state;
    },
    run: async (step, order) => {
      const { all, ...told } = await batchesOf(step, order);
      return { ...(await (accumulation > 1 ? accumulated : whole)(step, order, all)), ...told };
    },
    runMany: async (step, orders) => {
      const made = [];
      for (const [i, order] of orders.entries()) {
        const { all, ...told } = await batchesOf(step + i, order);
        made.push({ batch: all[0]!, rows: all[0]!.rows, told });
      }
      const results: StepResult[] = [];
      for (const group of alike(made)) {
        const first = results.length;
        const batches = group.map(({ batch }) => batch);
        const { outcomes, error } = await several(step + first, orders.slice(first, first + group.length), batches);
        outcomes.forEach((outcome, i) => results.push({ ...outcome, ...group[i]!.told }));
        if (error) return { results, error };
      }
      return { results };
    },
  };
};

/** What the program of a step told in a repetition. */
const outcomeOf = ({ loss, payloadLoss, gradientNorm, accuracy, expertUsage }: Result, i: number): Outcome => {
  const usage = expertUsage?.data as Float32Array | undefined;
  const length = usage ? usage.length / loss.data.length : 0;
  return {
    loss: loss.data[i],
    payloadLoss: payloadLoss.data[i],
    gradientNorm: gradientNorm?.data[i],
    ...(accuracy && { accuracy: accuracy.data[i] }),
    ...(usage && { expertUsage: usage.slice(i * length, (i + 1) * length) }),
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

const isGuard = (error: unknown): error is NonetError => error instanceof NonetError && error.code === 'E_GUARD';

/** Nothing where the loss was above its limit. Turns the guard that ends any other step into an error that names the culprit. */
const guarded = async <R>(run: () => Promise<R>, find: FindCulprit, step: number): Promise<R | undefined> => {
  try {
    return await run();
  } catch (error) {
    if (!isGuard(error)) throw error;
    if (error.details.guard === spikeGuard) return undefined;
    throw await notFinite(find, step);
  }
};

type FindCulprit = () => Promise<{ op: string; scope: string } | undefined>;

/** The error of a step that gave NaN or infinity, with the culprit as a second, checked run finds it. */
const notFinite = async (find: FindCulprit, step: number): Promise<NonetError> => {
  const culprit = await find();
  const where = culprit
    ? `${culprit.op}${culprit.scope ? ` in ${culprit.scope}` : ''} gave it first`
    : 'no single op was found';
  const advice = 'Lower train.learningRate or train.clip, or resume from the last checkpoint.';
  const message = `step ${step + 1} gave NaN or infinity: ${where}. Nothing of this step was kept. ${advice}`;
  return new NonetError('E_NOT_FINITE', message, { step, ...culprit });
};
