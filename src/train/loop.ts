import { join } from 'node:path';
import { checkpointsFolder, loadCheckpoint, stepFolder } from '../checkpoint/index.js';
import type { BatchKind } from '../data/index.js';
import { writesBytes } from '../generate/index.js';
import { writeArrays } from './arrays.js';
import { callLength } from './call-length.js';
import {
  afterEvaluation,
  afterLastEvaluation,
  afterStep,
  atAnchor,
  type Course,
  courseLearningRate,
  courseOf,
  isStopped,
  rewound,
} from './course.js';
import { Evaluations } from './evaluations.js';
import { expertUsageOf } from './expert-usage.js';
import type { LoopParts } from './loop-parts.js';
import { cutMetrics, type MetricsRow, openMetrics, readMetrics } from './metrics.js';
import { SAMPLES_FILE, writeSample } from './samples.js';
import { saveStep } from './save.js';
import type { Score } from './score.js';
import { lossLimit, mostRewinds, noLimit, reseeded } from './spike.js';
import type { StepResult } from './stepper.js';
import { writeKept } from './stream.js';
import { isTrendStep, Trend, type TrendFigures } from './trend.js';

/** What is said of a spike. */
const spikeWords = {
  skip: 'the step is left out',
  rewind: 'back to the last checkpoint with another seed',
  none: 'going back did not help, so training goes on',
} as const;

/** The steps of a session and what happens between them. */
export class Loop {
  done = 0;
  saved = -1;
  trainSeconds = 0;
  course: Course;
  /** Those that were given up again included. */
  stepsRun = 0;
  batchBytes = 0;
  dataWaitSeconds = 0;
  /** Steps by the kind of their batches. */
  readonly kinds: Record<BatchKind, number> = { plain: 0, compressed: 0, direct: 0 };
  private metrics;
  private trend: Trend;
  private readonly evaluations: Evaluations;

  constructor(private readonly parts: LoopParts) {
    this.course = parts.course;
    this.metrics = openMetrics(parts.run.metricsPath);
    this.trend = new Trend(parts);
    this.evaluations = new Evaluations(parts, (row) => this.record(row));
  }

  /** Goes to the last step, or to where early stopping ends it. Returns whether the signal ended it before. */
  async steps(from: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { config, progress, model, trace, run } = this.parts;
    const { steps, evaluateEvery, checkpointEvery, sampleEvery } = config.train;
    this.done = from;
    this.trend = new Trend(this.parts, await readMetrics(run.metricsPath));
    const samples = writesBytes(model.bitsPerPatch, config.data.parity);
    const every = (interval: number): boolean => interval > 0 && this.done % interval === 0 && this.done < steps;
    while (this.done < steps && !isStopped(this.course, config)) {
      if (signal?.aborted) return true;
      if (!(await trace.step(this.done, () => this.call()))) continue;
      if (!trace.covers(this.done)) await this.writeTrace();
      if (every(evaluateEvery)) {
        const score = await this.evaluations.evaluate(this.done, this.evaluations.part);
        this.evaluated(score);
        progress?.update({ step: this.done, validationBitsPerByte: score.bitsPerByte, seconds: 0 });
      }
      if (samples && every(sampleEvery)) await writeSample(this.parts, this.done);
      if (every(checkpointEvery)) this.course = atAnchor(this.course, config, this.done);
      if (every(checkpointEvery) || this.isBest) await this.save(this.done);
    }
    return false;
  }

  /** The next steps, as many as one call does. Returns whether the run went on, and not back. */
  private async call(): Promise<boolean> {
    const { stepper, config } = this.parts;
    const began = performance.now();
    const passed = (): number => (performance.now() - began) / 1000;
    const count = callLength(config, this.done);
    if (count === 1) {
      const order = this.order(this.done);
      const result = await stepper.run(this.done, order);
      return this.did(result, { ...order, seconds: passed() });
    }
    const orders = Array.from({ length: count }, (_, i) => this.order(this.done + i));
    const { results, error } = await stepper.runMany(this.done, orders);
    const seconds = passed() / Math.max(1, results.length);
    for (const [i, result] of results.entries()) await this.did(result, { ...orders[i]!, seconds });
    if (error) throw error;
    return true;
  }

  /** What a step is told. */
  private order(step: number) {
    const { batches, config } = this.parts;
    const { course } = this;
    const seed = reseeded(config.seed, course.reseeds);
    const kind = batches.kind(seed, step);
    // Losses on code are of another size than those on data: they are no spikes, and say nothing about others.
    const limit = kind === 'direct' ? noLimit : lossLimit(course.loss, config);
    const learningRate = courseLearningRate(config, course, step);
    return { learningRate, seed, kind, limit, ...(config.train.spike === 'skip' && { lossLimit: limit }) };
  }

  /** Takes in a step that was done, and does what is to be done about its loss. Returns whether the run goes on, and not back. */
  private async did(result: StepResult, order: ReturnType<Loop['order']> & { seconds: number }): Promise<boolean> {
    const { config, progress } = this.parts;
    const { spike: handling, compression, steps, logEvery } = config.train;
    const { loss, payloadLoss, gradientNorm, batchBytes, dataWaitSeconds, accuracy, expertUsage } = result;
    const { learningRate, kind, limit, seconds } = order;
    this.trainSeconds += seconds;
    this.stepsRun++;
    this.done++;
    this.batchBytes += batchBytes;
    this.dataWaitSeconds += dataWaitSeconds;
    this.kinds[kind]++;
    if (kind !== 'direct') this.course = afterStep(this.course, config, { loss, limit });
    const isSpike = handling === 'rewind' ? loss > limit : gradientNorm === undefined;
    const spike = isSpike ? { action: this.spikeAction(), limit } : undefined;
    if (spike)
      progress?.note(
        `step ${this.done}: loss ${loss.toFixed(4)} is above ${limit.toFixed(4)}, ${spikeWords[spike.action]}`,
      );
    if (spike?.action === 'rewind') {
      await this.rewind({ loss, limit });
      return false;
    }
    const training = { loss, bitsPerByte: (payloadLoss * 8) / Math.LN2 };
    const row = {
      step: this.done,
      ...training,
      gradientNorm,
      learningRate,
      seconds,
      ...(compression && { batchKind: kind }),
      ...{ batchBytes, dataWaitSeconds },
      ...(accuracy !== undefined && { accuracy }),
      ...(expertUsage && { experts: expertUsageOf(this.parts.model, expertUsage) }),
      ...(spike && { spike }),
    };
    this.trend.add({ loss: kind === 'direct' ? undefined : loss, seconds });
    if (spike || this.done % logEvery === 0 || this.done === steps) this.record(row);
    if (isTrendStep(this.done, steps)) this.record(this.trend.row(this.done));
    progress?.update({ step: this.done, ...training, accuracy, learningRate, seconds });
    return true;
  }

  private spikeAction(): keyof typeof spikeWords {
    if (this.parts.config.train.spike === 'skip') return 'skip';
    return this.course.anchor.rewinds < mostRewinds ? 'rewind' : 'none';
  }

  /**
   * Goes back to the anchor with another seed. Its checkpoint is saved anew with what was learnt by that, and the rows of
   * the steps that were given up are removed, so that a run that is killed right now takes the same way.
   */
  private async rewind({ loss, limit }: { loss: number; limit: number }): Promise<void> {
    const { run, stepper } = this.parts;
    const at = this.done;
    const folder = join(checkpointsFolder(run.path), stepFolder(this.course.anchor.step));
    const checkpoint = await loadCheckpoint(folder);
    writeArrays(stepper.state, 'parameters', checkpoint.model, folder);
    writeKept(stepper.state, checkpoint.optimizer, folder);
    this.course = rewound(this.course, courseOf(checkpoint.state));
    this.done = checkpoint.step;
    this.metrics.close();
    await cutMetrics(run.metricsPath, this.done);
    await cutMetrics(join(run.path, SAMPLES_FILE), this.done);
    this.metrics = openMetrics(run.metricsPath);
    this.parts.board?.rewind(this.done);
    const spike = { action: 'rewind', from: at, loss, limit, reseeds: this.course.reseeds };
    // A process that was killed here before may have written it.
    const isThere = (row: MetricsRow): boolean => JSON.stringify(row.spike) === JSON.stringify(spike);
    const rows = await readMetrics(run.metricsPath);
    if (!rows.some(isThere)) this.record({ step: this.done, spike });
    this.trend = new Trend(this.parts, rows);
    await this.save(this.done);
  }

  /** What the last steps come to. */
  get figures(): TrendFigures {
    return this.trend.figures();
  }

  /** Whether the step that was done last has the best evaluation so far, and is to be kept for that. */
  private get isBest(): boolean {
    return this.parts.config.train.keepBest && this.course.best?.step === this.done;
  }

  /** What an evaluation while training changes. */
  private evaluated({ bitsPerByte, bytes }: Score): void {
    const { config, progress } = this.parts;
    const before = this.course;
    this.course = afterEvaluation(before, config, { step: this.done, bitsPerByte, bytes });
    if (config.train.schedule === 'progressivePlateau' && this.course.plateau.count > before.plateau.count) {
      progress?.note(`step ${this.done}: no improvement, the learning rate falls by the root of 2`);
    }
    if (isStopped(this.course, config)) {
      progress?.note(`step ${this.done}: no new best in ${this.course.sinceBest} evaluations, training ends`);
    }
  }

  /**
   * The evaluation at the end, on the whole validation part. Which checkpoint is best is told by the bytes of the
   * evaluations before, so that like is compared with like.
   */
  async evaluateAll(record: boolean): Promise<Score> {
    const { config, validationBytes } = this.parts;
    const { part } = this.evaluations;
    const score = await this.evaluations.evaluate(this.done, validationBytes, record);
    const isEvaluated = isStopped(this.course, config);
    if (!record || isEvaluated || !config.train.keepBest) return score;
    const isLike = config.train.evaluateEvery === 0 || validationBytes.length === part.length;
    const like = isLike ? score : await this.evaluations.score(part);
    this.course = afterLastEvaluation(this.course, {
      step: this.done,
      bitsPerByte: like.bitsPerByte,
      bytes: like.bytes,
    });
    return score;
  }

  async save(step: number): Promise<void> {
    this.metrics.sync();
    await saveStep(this.parts, step, this.course);
    this.saved = step;
  }

  private record(row: MetricsRow): void {
    this.metrics.write(row);
    this.parts.board?.row(row);
  }

  /** What was traced until now. */
  async writeTrace(): Promise<void> {
    const files = await this.parts.trace.write();
    if (files) this.parts.progress?.note(`trace: ${files.events}`);
  }

  close(): void {
    this.metrics.close();
    this.parts.board?.close();
  }
}
