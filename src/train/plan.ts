import { existsSync, readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { type GraphJson, graphJson } from '../compile/graph-json.js';
import { NonetError } from '../core/errors.js';
import { formatBytes } from '../core/format.js';
import type { LanguageModel } from '../models/index.js';
import { parameterCount } from '../nn/index.js';
import type { TensorType } from '../tensor/index.js';
import type { Tree } from '../tensor/tree.js';
import { batchTypes } from './batch-inputs.js';
import type { RunConfig } from './config.js';
import { batchersOf, modelWarnings, openRunData, requireWindows, withEpochs } from './data.js';
import { expectedSeconds } from './expected-time.js';
import { executedFlops, modelFlops } from './flops.js';
import { horizonOf } from './learning-rate.js';
import { measuredSpeed } from './machine.js';
import { trainedModel } from './model.js';
import { stepOptions, stepPrograms, trainStateTypes } from './step.js';
import { batchForm } from './stepper.js';

/** Time and memory of a run, before it starts. */
export interface RunPlan {
  readonly parameters: number;
  /** High-water mark of native memory while training; 0 where the reference executor serves, which plans none. */
  readonly peakBytes: number;
  /** Of that, what is neither state nor input nor output: values between kernels. */
  readonly activationBytes: number;
  /** What the model asks for: see `modelFlops`. */
  readonly flopsPerStep: number;
  /** What is computed: with what is computed again, and the products of the optimizer. */
  readonly executedFlopsPerStep: number;
  /** Bytes of data that a step reads. */
  readonly bytesPerStep: number;
}

const scalarType = (dtype: 'f32' | 'i32'): TensorType => ({ shape: [], dtype });

/** Traces and plans a training step of a configuration; nothing is allocated but the plan. */
export const stepPlan = (model: LanguageModel, config: RunConfig): RunPlan => stepPlanOf(model, config).figures;

/** The plan of the step's program with the figures drawn from it. */
export const stepPlanOf = (model: LanguageModel, config: RunConfig) => {
  const { batchSize, accumulation, stepsPerCall } = config.train;
  const { contextLength, bitsPerPatch } = model;
  const programs = stepPrograms(model, stepOptions(config));
  const program = accumulation > 1 ? programs.accumulate : programs.step;
  const plan = program.plan(
    { state: trainStateTypes(model, accumulation, config.train) },
    {
      ...batchTypes(batchSize, batchForm(model, config)),
      learningRate: scalarType('f32'),
      seed: scalarType('i32'),
      step: scalarType('i32'),
      ...(config.train.spike === 'skip' && { lossLimit: scalarType('f32') }),
      ...(accumulation > 1 && { share: scalarType('f32') }),
    },
  );
  // A call of several steps has the batches and the figures of all of them.
  const moreSteps = accumulation > 1 ? 0 : stepsPerCall - 1;
  const figures: RunPlan = {
    parameters: parameterCount(model),
    peakBytes: plan.peakBytes + moreSteps * (plan.inputBytes + plan.outputBytes),
    activationBytes: plan.arenaBytes,
    flopsPerStep: modelFlops(plan.program) * accumulation,
    executedFlopsPerStep: executedFlops(plan.program) * accumulation,
    bytesPerStep: (accumulation * batchSize * contextLength * bitsPerPatch) / (config.data.parity ? 9 : 8),
  };
  return { plan, figures };
};

/** What is traced of a configuration: its model from a batch to the loss, or a whole training step (of a micro-batch). */
export const graphParts = ['model', 'step'] as const;

/** The graph of a model or of its training step, before any pass. */
export const graphOf = (config: RunConfig, part: (typeof graphParts)[number]): GraphJson => {
  const model = trainedModel(config);
  if (part === 'step') return graphJson(stepPlanOf(model, config).plan.program);
  const { optimizer: _, ...state } = trainStateTypes(model, 1, config.train) as Record<string, Tree<TensorType>>;
  const inputs = { seed: scalarType('i32'), step: scalarType('i32') };
  const { program } = stepPrograms(model, stepOptions(config)).losses.plan(
    { state },
    { ...batchTypes(config.train.batchSize, batchForm(model, config)), ...inputs },
  );
  return graphJson(program);
};

/** `stepPlan` with the expected time from the machine's measured speed, and what the user should know before starting. */
export const planRun = async (config: RunConfig) => {
  const model = trainedModel(config);
  const { plan: program, figures: plan } = stepPlanOf(model, config);
  const speed = await measuredSpeed();
  const secondsPerStep = speed ? expectedSeconds(program.calls, speed) * config.train.accumulation : null;
  const warnings: string[] = [];
  const { dataset, prepared } = await openRunData(config);
  warnings.push(...modelWarnings(model, config), ...prepared.warnings);
  const { length } = dataset.trainBytes;
  let steps: number;
  try {
    requireWindows(model, config, dataset);
    steps = horizonOf(withEpochs(config, batchersOf(model, config, dataset)));
  } finally {
    dataset.close();
  }
  if (length < plan.parameters) {
    warnings.push(
      `${formatBytes(length)} of training data for ${plan.parameters} parameters: the model can learn it by heart. ` +
        'Take a smaller model or more data, and watch the validation figure.',
    );
  }
  const limit = memoryLimit();
  if (plan.peakBytes > limit) warnings.push(tooLarge(plan, limit));
  const totalSeconds = secondsPerStep === null ? null : secondsPerStep * steps;
  return { ...plan, steps, secondsPerStep, totalSeconds, warnings };
};

/** Throws `E_MEMORY` for a plan that this machine, or the limit of its container, cannot hold. */
export const requireFits = (plan: Pick<RunPlan, 'peakBytes'>): void => {
  const limit = memoryLimit();
  if (plan.peakBytes > limit)
    throw new NonetError('E_MEMORY', tooLarge(plan, limit), { peakBytes: plan.peakBytes, limit });
};

const tooLarge = (plan: Pick<RunPlan, 'peakBytes'>, limit: number): string =>
  `training takes ${formatBytes(plan.peakBytes)} of memory, ${formatBytes(limit)} are free: reduce train.batchSize ` +
  '(with train.accumulation to make up for it), model.contextLength or the size of the model.';

/** Free memory, cgroup limits counted. `root` is where /proc and /sys lie. */
export const memoryLimit = (root = ''): number => {
  let limit = availableMemory(root);
  for (const { bound, used, details } of [
    { bound: 'memory.max', used: 'memory.current', details: 'memory.stat' },
    { bound: 'memory/memory.limit_in_bytes', used: 'memory/memory.usage_in_bytes', details: 'memory/memory.stat' },
  ]) {
    const read = (name: string): string => readText(`${root}/sys/fs/cgroup/${name}`);
    const most = Number.parseInt(read(bound), 10); // "max" is no number
    if (Number.isNaN(most)) continue;
    // Files that were read lately count as used, but make room when memory is asked for.
    const stat = read(details);
    const cache = stat.match(/^total_inactive_file (\d+)$/m) ?? stat.match(/^inactive_file (\d+)$/m);
    limit = Math.min(limit, most - Math.max(0, (Number.parseInt(read(used), 10) || 0) - Number(cache?.[1] ?? 0)));
  }
  return limit;
};

const readText = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** What Linux says is available, page cache counted as free. */
const availableMemory = (root: string): number => {
  const found = readText(`${root}/proc/meminfo`).match(/MemAvailable:\s+(\d+) kB/);
  return found ? Number(found[1]) * 1024 : freemem();
};
