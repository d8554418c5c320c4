import { defaultExecutor } from '../compile/default-executor.js';
import type { PlannedCall, ProgramPlan } from '../compile/executor.js';
import { scalar } from '../compile/host-array.js';
import { NativeExecutor } from '../compile/native/executor.js';
import { State } from '../compile/state.js';
import { NonetError } from '../core/errors.js';
import type { LanguageModel } from '../models/index.js';
import type { RecordedTrace } from '../telemetry/index.js';
import { batchInputs } from './batch-inputs.js';
import type { RunConfig } from './config.js';
import { measuredSpeed } from './machine.js';
import { trainedModel } from './model.js';
import { stepPlanOf } from './plan.js';
import { noLimit } from './spike.js';
import { stepOptions, stepPrograms, trainStateTypes } from './step.js';
import { batchForm } from './stepper.js';

/** A kernel call of a training step with the time to expect, and the measured one after a profile. */
export interface ExplainedCall extends PlannedCall {
  /** The longer of what the arithmetic takes at the machine's peak and what the memory takes at its bandwidth. */
  readonly expectedSeconds: number;
  readonly seconds?: number;
}

/** The program of a training step. */
export interface ExplainedStep {
  readonly plan: ProgramPlan;
  readonly calls: readonly ExplainedCall[];
}

const profiledSteps = 4;
const uncompressed = { code: new Uint8Array(), starts: new Int32Array() };

/**
 * The program of a training step, call by call. With `profile` a few steps run on an untrained state and made-up bytes,
 * and every call gets the shortest of its times. Throws `E_PROGRAM` without the native engine.
 */
export const explainStep = async (config: RunConfig, { profile = false } = {}): Promise<ExplainedStep> => {
  const executor = defaultExecutor();
  if (!(executor instanceof NativeExecutor)) {
    throw new NonetError('E_PROGRAM', 'only the native engine has a program of kernel calls; see nonet doctor');
  }
  const model = trainedModel(config);
  const { peak, bandwidth } = (await measuredSpeed())!;
  const { plan } = stepPlanOf(model, config);
  const seconds = profile ? await profileStep(model, config) : undefined;
  const calls = plan.calls.map((call, i) => ({
    ...call,
    expectedSeconds: Math.max(call.flops / peak, call.bytes / bandwidth),
    ...(seconds && { seconds: seconds[i]! }),
  }));
  return { plan, calls };
};

const profileStep = async (model: LanguageModel, config: RunConfig): Promise<Float64Array> => {
  const { accumulation, batchSize } = config.train;
  const programs = stepPrograms(model, stepOptions(config));
  const program = accumulation > 1 ? programs.accumulate : programs.step;
  const width = model.contextLength + 1;
  const patches = Int32Array.from({ length: batchSize * width }, (_, i) => (i * 7919) % 2 ** model.bitsPerPatch);
  const position = model.contextLength;
  const inputs = {
    ...batchInputs([{ kind: 'plain', rows: batchSize, patches, ...uncompressed, position }], batchForm(model, config)),
    learningRate: scalar(0),
    seed: scalar(config.seed, 'i32'),
    step: scalar(0, 'i32'),
    ...(config.train.spike === 'skip' && { lossLimit: scalar(noLimit) }),
    ...(accumulation > 1 && { share: scalar(1 / accumulation) }),
  };
  let state = State.create(defaultExecutor(), trainStateTypes(model, accumulation, config.train));
  let best: Float64Array | undefined;
  for (let i = 0; i < profiledSteps; i++) {
    const { result, calls } = await program.profile(state, inputs);
    state = result.state;
    best = Float64Array.from(calls, (call, k) => Math.min(call.seconds, best?.[k] ?? Number.POSITIVE_INFINITY));
  }
  state.free();
  return best!;
};

/** The profile of one step as a trace. */
export const traceOf = ({ plan, calls }: ExplainedStep): RecordedTrace => {
  const seconds = Float64Array.from(calls, (call) => call.seconds ?? call.expectedSeconds);
  const ended = seconds.reduce((sum, one) => sum + one, 0);
  const program = { name: 'step', began: 0, ended, plan, seconds };
  return {
    name: 'nonet training step',
    wallTime: 0,
    steps: [{ step: 1, began: 0, ended, programs: [program] }],
  };
};
