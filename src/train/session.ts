import { join } from 'node:path';
import {
  type CheckpointContent,
  type NamedArray,
  type RunFolder,
  savedSteps,
  writeRunConfig,
} from '../checkpoint/index.js';
import type { BatcherOf, BatchKind, Dataset } from '../data/index.js';
import { writesBytes } from '../generate/index.js';
import type { LanguageModel } from '../models/index.js';
import { parameterCount, trainedParameterCount } from '../nn/index.js';
import { keepBase, readBase } from './adapter.js';
import { type BatchSource, prefetchedBatches } from './batch-source.js';
import { openBoard } from './board.js';
import type { RunConfig } from './config.js';
import { atAnchor, type Course, courseOf, type Evaluated } from './course.js';
import { batchersOf, batchOptions, modelWarnings, openRunData, requireWindows, withEpochs } from './data.js';
import { initialState, startingWeights } from './initial-state.js';
import { Loop } from './loop.js';
import { measuredPeak } from './machine.js';
import { cutMetrics, readMetrics } from './metrics.js';
import { trainedModel } from './model.js';
import { type RunPlan, requireFits, stepPlan } from './plan.js';
import { createProgress } from './progress.js';
import { RunTrace } from './run-trace.js';
import { SAMPLES_FILE } from './samples.js';
import { plain } from './save.js';
import { createScorer, type Score } from './score.js';
import { withStepsFor } from './speed-probe.js';
import { createStepper } from './stepper.js';
import type { TrainOptions } from './trainer.js';
import type { TrendFigures } from './trend.js';

export interface TrainResult {
  readonly runFolder: string;
  readonly steps: number;
  /** Wall time of this call, and of its training steps alone. */
  readonly seconds: number;
  readonly trainSeconds: number;
  /** Of training. */
  readonly bytesPerSecond: number;
  readonly gflops: number;
  /** Of the machine's measured FMA peak on as many threads; null without the native core. */
  readonly peakShare: number | null;
  /** The same of all products that ran, those that were computed again and the optimizer's counted. */
  readonly executedPeakShare: number | null;
  /** What batches took to the core, and the time for which steps waited until they were made. */
  readonly batchBytes: number;
  readonly dataWaitSeconds: number;
  /** Steps of this call by the kind of their batches, with `train.compression`. */
  readonly batchKinds?: Readonly<Record<BatchKind, number>>;
  /** Medians over the last steps, those of sessions before included. */
  readonly trend: TrendFigures;
  readonly parameters: number;
  /** Of these; fewer with adapters. */
  readonly trainedParameters: number;
  /** Whether `generate` works with the model: its patches make whole bytes. */
  readonly writesBytes: boolean;
  /** On the whole validation part at the end; missing when interrupted. */
  readonly validation?: Score;
  /** The best evaluation while training, where its checkpoint is kept. */
  readonly best?: Evaluated;
  /** Whether early stopping ended it. */
  readonly stoppedEarly: boolean;
  readonly interrupted: boolean;
}

/** How a session begins: fresh, from another run's weights, or from a checkpoint of this run. */
export interface SessionStart {
  readonly config: RunConfig;
  readonly weights?: string;
  readonly checkpoint?: CheckpointContent;
}

/** Trains from the start or a checkpoint to the end, or until told to stop. The run's lock is held by the caller. */
export const runSession = async (run: RunFolder, start: SessionStart, options: TrainOptions): Promise<TrainResult> => {
  const began = performance.now();
  const { warn = () => {} } = options;
  const model = trainedModel(start.config);
  // Planning traces the whole step, so it is done once.
  const plan = stepPlan(model, start.config);
  requireFits(plan);
  const { dataset, prepared } = await openRunData(start.config);
  for (const warning of [...modelWarnings(model, start.config), ...prepared.warnings]) warn(warning);
  // Data that cannot be trained on or scored is better known now than after the last step.
  requireWindows(model, start.config, dataset);
  const batcherOf = batchersOf(model, start.config, dataset);
  const workerData = { folder: prepared.folder, options: batchOptions(model, start.config, dataset) };
  const batches = prefetchedBatches(batcherOf, start.config.data.workers, workerData);
  try {
    return await trainOn({
      run,
      start,
      options,
      began,
      model,
      plan,
      dataset,
      batcherOf,
      batches,
    });
  } finally {
    await batches.close();
    dataset.close();
  }
};

interface TrainParts {
  readonly run: RunFolder;
  readonly start: SessionStart;
  readonly options: TrainOptions;
  readonly began: number;
  readonly model: LanguageModel;
  readonly plan: RunPlan;
  readonly dataset: Dataset;
  readonly batcherOf: BatcherOf;
  readonly batches: BatchSource;
}

const trainOn = async (parts: TrainParts): Promise<TrainResult> => {
  const { run, start, options, began, model, dataset, batcherOf, batches } = parts;
  const { bytesPerStep, flopsPerStep, executedFlopsPerStep } = parts.plan;
  const { warn = () => {} } = options;
  const { bitsPerPatch, contextLength } = model;
  const peak = await measuredPeak();
  const config =
    start.config.train.minutes && !start.checkpoint
      ? await withStepsFor(start.config.train.minutes, model, start.config, batches)
      : withEpochs(start.config, batcherOf);
  const trace = new RunTrace(config.trace, run.path);
  await trace.prepare(config.train.steps, warn);
  const base = config.adapter && (await adapterBase(run, start, warn));
  const state = await initialState(model, config, { ...start, base }, warn);
  const stepper = createStepper(model, config, batches, state, trace);

  const from = start.checkpoint?.step ?? 0;
  await cutMetrics(run.metricsPath, from);
  await cutMetrics(join(run.path, SAMPLES_FILE), from);
  await writeRunConfig(run, plain(config));
  const baseHash = base && (start.checkpoint?.state.base ?? (await keepBase(run.path, base)));
  const progress = options.stream
    ? createProgress({
        steps: config.train.steps,
        bytesPerStep,
        bitsPerStep: config.train.accumulation * config.train.batchSize * contextLength * bitsPerPatch,
        flopsPerStep,
        peakFlops: peak,
        stream: options.stream,
      })
    : undefined;
  const loop = new Loop({
    run,
    model,
    config,
    stepper,
    trace,
    batches,
    progress,
    validationBytes: dataset.validationBytes,
    scorer: createScorer(model),
    ...(config.train.tensorboard && { board: openBoard(run, config, from) }),
    bytesPerStep,
    parameters: parameterCount(model),
    ...(baseHash !== undefined && { base: String(baseHash) }),
    course: await anchored(run, from, config, courseOf(start.checkpoint?.state ?? {})),
  });
  try {
    if (from === 0) await loop.save(0);
    const interrupted = await loop.steps(from, options.signal);
    const done = loop.done;
    const trainSeconds = loop.trainSeconds;
    // Its row belongs before the last checkpoint: a run that goes on from there does not write it again.
    const known = from === done && (await hasValidation(run.metricsPath, done));
    const validation = interrupted ? undefined : await loop.evaluateAll(!known);
    if (loop.saved !== done && !(from === done && from > 0)) await loop.save(done);
    progress?.finish();
    const stepsDone = Math.max(1, loop.stepsRun);
    const flopsPerSecond = (flopsPerStep * stepsDone) / trainSeconds;
    return {
      runFolder: run.path,
      steps: done,
      seconds: (performance.now() - began) / 1000,
      trainSeconds,
      bytesPerSecond: (bytesPerStep * stepsDone) / trainSeconds,
      gflops: flopsPerSecond / 1e9,
      peakShare: peak === undefined ? null : flopsPerSecond / peak,
      executedPeakShare: peak === undefined ? null : (executedFlopsPerStep * stepsDone) / trainSeconds / peak,
      batchBytes: loop.batchBytes,
      dataWaitSeconds: loop.dataWaitSeconds,
      ...(config.train.compression && { batchKinds: loop.kinds }),
      trend: loop.figures,
      parameters: parameterCount(model),
      trainedParameters: trainedParameterCount(model),
      writesBytes: writesBytes(bitsPerPatch, config.data.parity),
      ...(validation && { validation }),
      ...(config.train.keepBest && loop.course.best && { best: loop.course.best }),
      stoppedEarly: !interrupted && done < config.train.steps,
      interrupted,
    };
  } finally {
    progress?.finish();
    try {
      await loop.writeTrace();
    } finally {
      loop.close();
      stepper.state.free();
    }
  }
};

/** The frozen weights below the adapters of a run: those it has kept, or at its start those of `init.from`. */
const adapterBase = async (
  run: RunFolder,
  { config, checkpoint }: SessionStart,
  warn: (message: string) => void,
): Promise<readonly NamedArray[]> =>
  checkpoint ? readBase(run.path, checkpoint.state) : (await startingWeights(config.init.from!, config, warn)).arrays;

/** A run that was not told before to go back at spikes may have lost the checkpoint to go back to: it has the present one. */
const anchored = async (run: RunFolder, from: number, config: RunConfig, course: Course): Promise<Course> => {
  if (config.train.spike !== 'rewind' || from === 0) return course;
  return (await savedSteps(run.path)).includes(course.anchor.step) ? course : atAnchor(course, config, from);
};

const hasValidation = async (metricsPath: string, step: number): Promise<boolean> =>
  (await readMetrics(metricsPath)).some((row) => row.step === step && 'validation' in row);
