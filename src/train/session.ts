import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CheckpointContent,
  findCheckpoint,
  loadCheckpoint,
  type RunFolder,
  saveCheckpoint,
  writeRunConfig,
} from '../checkpoint/index.js';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { scalar } from '../compile/host-array.js';
import { State } from '../compile/state.js';
import type { ConfigTree } from '../core/config.js';
import { NonetError } from '../core/errors.js';
import { fileError } from '../core/files.js';
import { type ByteStore, createBatcher, memoryStore } from '../data/index.js';
import { generate, writesBytes } from '../generate/index.js';
import { BitTransformer } from '../models/index.js';
import { initialParameters, parameterCount } from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';
import { readArrays, writeArrays } from './arrays.js';
import type { RunConfig } from './config.js';
import { evaluationPart, openRunData, requireWindows, writingWarnings } from './data.js';
import { instructionSet, measuredPeak } from './machine.js';
import { cutMetrics, openMetrics, readMetrics } from './metrics.js';
import { requireFits, stepPlan } from './plan.js';
import { createProgress, type Progress } from './progress.js';
import { createScorer, type Score, type Scorer } from './score.js';
import { trainStateTypes } from './step.js';
import { createStepper, type Stepper } from './stepper.js';
import type { TrainOptions } from './trainer.js';

/** Samples of a run, one JSON object a line. */
const SAMPLES_FILE = 'samples.jsonl';

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
  readonly parameters: number;
  /** Whether `generate` works with the model: its patches make whole bytes. */
  readonly writesBytes: boolean;
  /** On the whole validation part at the end; missing when interrupted. */
  readonly validation?: Score;
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
  const model = new BitTransformer(start.config.model);
  // Planning traces the whole step, so it is done once.
  const { bytesPerStep, flopsPerStep, ...plan } = stepPlan(model, start.config);
  requireFits(plan);
  const { dataset, prepared } = await openRunData(start.config);
  for (const warning of [...writingWarnings(model, start.config), ...prepared.warnings]) warn(warning);
  const { trainBytes: store, validationBytes } = dataset;
  const { bitsPerPatch, contextLength } = model.config;
  const layout = { bitsPerPatch, parity: start.config.data.parity };
  const { batchSize } = start.config.train;
  // Data that cannot be trained on or scored is better known now than after the last step.
  requireWindows(model, start.config, dataset);
  const batcher = createBatcher({ store, ...layout, contextLength, batchSize, seed: start.config.seed });

  const peak = await measuredPeak();
  const config =
    start.config.train.minutes && !start.checkpoint
      ? await withStepsFor(start.config.train.minutes, model, start.config, batcher)
      : start.config;
  const state = await initialState(model, config, start, warn);
  const stepper = createStepper(model, config, batcher, state);

  const from = start.checkpoint?.step ?? 0;
  await cutMetrics(run.metricsPath, from);
  await cutMetrics(join(run.path, SAMPLES_FILE), from);
  await writeRunConfig(run, plain(config));
  const progress = options.stream
    ? createProgress({
        steps: config.train.steps,
        bytesPerStep,
        bitsPerStep: config.train.accumulation * batchSize * contextLength * bitsPerPatch,
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
    progress,
    validationBytes,
    scorer: createScorer(model),
    bytesPerStep,
  });
  try {
    if (from === 0) await loop.save(0);
    const interrupted = await loop.steps(from, options.signal);
    const done = loop.done;
    const trainSeconds = loop.trainSeconds;
    // Its row belongs before the last checkpoint: a run that goes on from there does not write it again.
    const known = from === done && (await hasValidation(run.metricsPath, done));
    const validation = interrupted ? undefined : await loop.evaluate(done, validationBytes, !known);
    if (loop.saved !== done && !(from === done && from > 0)) await loop.save(done);
    progress?.finish();
    const stepsDone = Math.max(1, done - from);
    const flopsPerSecond = (flopsPerStep * stepsDone) / trainSeconds;
    return {
      runFolder: run.path,
      steps: done,
      seconds: (performance.now() - began) / 1000,
      trainSeconds,
      bytesPerSecond: (bytesPerStep * stepsDone) / trainSeconds,
      gflops: flopsPerSecond / 1e9,
      peakShare: peak === undefined ? null : flopsPerSecond / peak,
      parameters: parameterCount(model),
      writesBytes: writesBytes(bitsPerPatch, config.data.parity),
      ...(validation && { validation }),
      interrupted,
    };
  } finally {
    progress?.finish();
    loop.close();
    stepper.state.free();
    dataset.close();
  }
};

interface LoopParts {
  readonly run: RunFolder;
  readonly model: BitTransformer;
  readonly config: RunConfig;
  readonly stepper: Stepper;
  readonly progress: Progress | undefined;
  readonly validationBytes: ByteStore;
  readonly scorer: Scorer;
  readonly bytesPerStep: number;
}

/** The steps of a session and what happens between them. */
class Loop {
  done = 0;
  saved = -1;
  trainSeconds = 0;
  private readonly metrics;
  private readonly evaluationBytes: ByteStore;

  constructor(private readonly parts: LoopParts) {
    this.metrics = openMetrics(parts.run.metricsPath);
    const { validationBytes, config } = parts;
    const part = evaluationPart(config, validationBytes);
    this.evaluationBytes = memoryStore(part.read(0, part.length).slice());
  }

  /** Returns whether the signal ended it early. */
  async steps(from: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { stepper, config, progress, model } = this.parts;
    const { steps, logEvery, evaluateEvery, checkpointEvery, sampleEvery } = config.train;
    this.done = from;
    const samples = writesBytes(model.config.bitsPerPatch, config.data.parity);
    const every = (interval: number): boolean => interval > 0 && this.done % interval === 0 && this.done < steps;
    while (this.done < steps) {
      if (signal?.aborted) return true;
      const began = performance.now();
      const { loss, payloadLoss, gradientNorm, learningRate } = await stepper.run(this.done);
      const seconds = (performance.now() - began) / 1000;
      this.trainSeconds += seconds;
      this.done++;
      const training = { loss, bitsPerByte: (payloadLoss * 8) / Math.LN2 };
      if (this.done % logEvery === 0 || this.done === steps) {
        this.metrics.write({ step: this.done, ...training, gradientNorm, learningRate, seconds });
      }
      progress?.update({ step: this.done, ...training, seconds });
      if (every(evaluateEvery)) {
        const score = await this.evaluate(this.done, this.evaluationBytes);
        progress?.update({ step: this.done, validationBitsPerByte: score.bitsPerByte, seconds: 0 });
      }
      if (samples && every(sampleEvery)) await this.sample(model);
      if (every(checkpointEvery)) await this.save(this.done);
    }
    return false;
  }

  async evaluate(step: number, store: ByteStore, record = true): Promise<Score> {
    const { scorer, stepper, config, progress } = this.parts;
    const score = await scorer(stepper.state, store, { parity: config.data.parity });
    const { bitsPerByte, parityCrossEntropy, bytes } = score;
    if (record) this.metrics.write({ step, validation: { bitsPerByte, parityCrossEntropy, bytes } });
    progress?.note(`step ${step}: validation ${bitsPerByte.toFixed(4)} bits per byte (${bytes} bytes)`);
    return score;
  }

  async save(step: number): Promise<void> {
    const { run, config, stepper, bytesPerStep } = this.parts;
    this.metrics.sync();
    await saveCheckpoint(
      run.path,
      {
        step,
        config: plain(config),
        model: readArrays(stepper.state, 'parameters'),
        optimizer: readArrays(stepper.state, 'optimizer'),
        state: { step, seed: config.seed, bytesSeen: step * bytesPerStep, instructionSet: instructionSet() },
      },
      { keep: config.train.keepCheckpoints },
    );
    this.saved = step;
  }

  close(): void {
    this.metrics.close();
  }

  private async sample(model: BitTransformer): Promise<void> {
    const { stepper, config, run, progress } = this.parts;
    const { rows } = await generate(model, stepper.state, {
      prompts: [new Uint8Array()],
      maxBytes: config.train.sampleBytes,
      temperature: 0.8,
      seed: config.seed,
      dataParity: config.data.parity,
    });
    const text = new TextDecoder().decode(rows[0]!.bytes);
    const path = join(run.path, SAMPLES_FILE);
    try {
      appendFileSync(path, `${JSON.stringify({ step: this.done, text })}\n`);
    } catch (error) {
      throw fileError(error, 'write', path);
    }
    progress?.note(`step ${this.done} sample: ${JSON.stringify(text)}`);
  }
}

const hasValidation = async (metricsPath: string, step: number): Promise<boolean> =>
  (await readMetrics(metricsPath)).some((row) => row.step === step && 'validation' in row);

const initialState = async (
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

const initialize = async (model: BitTransformer, state: State, seed: number): Promise<State> => {
  const init = compile(
    (_: unknown, key: { seed: Tensor; step: Tensor }) => ({ state: { parameters: initialParameters(model, key) } }),
    { donate: 'state' },
  );
  const { state: next } = await init(state, { seed: scalar(seed, 'i32'), step: scalar(0, 'i32') });
  return next;
};

/** Steps that fit into a time, by the median of a few steps on a state that is thrown away. */
const withStepsFor = async (
  minutes: number,
  model: BitTransformer,
  config: RunConfig,
  batcher: ReturnType<typeof createBatcher>,
): Promise<RunConfig> => {
  const fresh = State.create(defaultExecutor(), trainStateTypes(model, config.train.accumulation, config.train));
  const stepper = createStepper(model, config, batcher, await initialize(model, fresh, config.seed));
  const seconds: number[] = [];
  const began = performance.now();
  try {
    for (let step = 0; step < 3 || (performance.now() - began < 3000 && step < 200); step++) {
      const before = performance.now();
      await stepper.run(step % config.train.steps);
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

const plain = (config: RunConfig): ConfigTree => JSON.parse(JSON.stringify(config)) as ConfigTree;
