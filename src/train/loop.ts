import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunFolder, saveCheckpoint } from '../checkpoint/index.js';
import type { ConfigTree } from '../core/config.js';
import { fileError } from '../core/files.js';
import { type ByteStore, memoryStore } from '../data/index.js';
import { generate, writesBytes } from '../generate/index.js';
import type { BitTransformer } from '../models/index.js';
import { readArrays } from './arrays.js';
import type { RunConfig } from './config.js';
import { afterEvaluation, afterLastEvaluation, type Course, courseLearningRate, isStopped } from './course.js';
import { evaluationPart } from './data.js';
import { instructionSet } from './machine.js';
import { openMetrics } from './metrics.js';
import type { Progress } from './progress.js';
import type { Score, Scorer } from './score.js';
import type { Stepper } from './stepper.js';

/** Samples of a run, one JSON object a line. */
export const SAMPLES_FILE = 'samples.jsonl';

export interface LoopParts {
  readonly run: RunFolder;
  readonly model: BitTransformer;
  readonly config: RunConfig;
  readonly stepper: Stepper;
  readonly progress: Progress | undefined;
  readonly validationBytes: ByteStore;
  readonly scorer: Scorer;
  readonly bytesPerStep: number;
  /** Where the session begins. */
  readonly course: Course;
}

/** The steps of a session and what happens between them. */
export class Loop {
  done = 0;
  saved = -1;
  trainSeconds = 0;
  course: Course;
  private readonly metrics;
  private readonly evaluationBytes: ByteStore;

  constructor(private readonly parts: LoopParts) {
    this.course = parts.course;
    this.metrics = openMetrics(parts.run.metricsPath);
    const { validationBytes, config } = parts;
    const part = evaluationPart(config, validationBytes);
    this.evaluationBytes = memoryStore(part.read(0, part.length).slice());
  }

  /** Goes to the last step, or to where early stopping ends it. Returns whether the signal ended it before. */
  async steps(from: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { stepper, config, progress, model } = this.parts;
    const { steps, logEvery, evaluateEvery, checkpointEvery, sampleEvery } = config.train;
    this.done = from;
    const samples = writesBytes(model.config.bitsPerPatch, config.data.parity);
    const every = (interval: number): boolean => interval > 0 && this.done % interval === 0 && this.done < steps;
    while (this.done < steps && !isStopped(this.course, config)) {
      if (signal?.aborted) return true;
      const began = performance.now();
      const learningRate = courseLearningRate(config, this.course, this.done);
      const { loss, payloadLoss, gradientNorm } = await stepper.run(this.done, learningRate);
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
        this.evaluated(score);
        progress?.update({ step: this.done, validationBitsPerByte: score.bitsPerByte, seconds: 0 });
      }
      if (samples && every(sampleEvery)) await this.sample(model);
      if (every(checkpointEvery) || this.isBest) await this.save(this.done);
    }
    return false;
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
    const { scorer, stepper, config, validationBytes } = this.parts;
    const score = await this.evaluate(this.done, validationBytes, record);
    const isEvaluated = isStopped(this.course, config);
    if (!record || isEvaluated || !config.train.keepBest) return score;
    const isLike = config.train.evaluateEvery === 0 || validationBytes.length === this.evaluationBytes.length;
    const like = isLike ? score : await scorer(stepper.state, this.evaluationBytes, { parity: config.data.parity });
    this.course = afterLastEvaluation(this.course, {
      step: this.done,
      bitsPerByte: like.bitsPerByte,
      bytes: like.bytes,
    });
    return score;
  }

  private async evaluate(step: number, store: ByteStore, record = true): Promise<Score> {
    const { scorer, stepper, config, progress } = this.parts;
    const score = await scorer(stepper.state, store, { parity: config.data.parity });
    const { bitsPerByte, parityCrossEntropy, bytes } = score;
    if (record) this.metrics.write({ step, validation: { bitsPerByte, parityCrossEntropy, bytes } });
    progress?.note(`step ${step}: validation ${bitsPerByte.toFixed(4)} bits per byte (${bytes} bytes)`);
    return score;
  }

  async save(step: number): Promise<void> {
    const { run, config, stepper, bytesPerStep } = this.parts;
    const best = config.train.keepBest ? this.course.best?.step : undefined;
    this.metrics.sync();
    await saveCheckpoint(
      run.path,
      {
        step,
        config: plain(config),
        model: readArrays(stepper.state, 'parameters'),
        optimizer: readArrays(stepper.state, 'optimizer'),
        state: {
          step,
          seed: config.seed,
          bytesSeen: step * bytesPerStep,
          instructionSet: instructionSet(),
          course: plain(this.course),
          ...(best !== undefined && { best }),
        },
      },
      { keep: config.train.keepCheckpoints, pinned: best === undefined ? [] : [best] },
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

/** A configuration or course as it is stored. */
export const plain = (tree: RunConfig | Course): ConfigTree => JSON.parse(JSON.stringify(tree)) as ConfigTree;
