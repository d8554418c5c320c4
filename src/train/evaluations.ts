import { join } from 'node:path';
import { stepFolder } from '../checkpoint/index.js';
import { type ByteStore, memoryStore } from '../data/index.js';
import { writeAttention } from './attention.js';
import { evaluationPart } from './data.js';
import { describeHottest } from './expert-usage.js';
import type { LoopParts } from './loop-parts.js';
import type { MetricsRow } from './metrics.js';
import { createReconstruction } from './reconstruction.js';
import type { Score } from './score.js';

/** Evaluations of a session on the validation part of its data, and what is told of them. */
export class Evaluations {
  /** What is evaluated while training; in memory, since it is read again and again. */
  readonly part: ByteStore;
  private readonly reconstruction;

  constructor(
    private readonly parts: LoopParts,
    private readonly write: (row: MetricsRow) => void,
  ) {
    const { validationBytes, config, model } = parts;
    this.reconstruction = createReconstruction(model, config.data.parity);
    const part = evaluationPart(config, validationBytes);
    this.part = memoryStore(part.read(0, part.length).slice());
  }

  /** Tells nobody. */
  score(store: ByteStore): Promise<Score> {
    const { scorer, stepper, config } = this.parts;
    return scorer(stepper.state, store, { parity: config.data.parity, stream: config.train.stream });
  }

  /** The score after a step, told; with `record` also to the metrics of the run. */
  async evaluate(step: number, store: ByteStore, record = true): Promise<Score> {
    const score = await this.score(store);
    if (record) await this.record(step, store, score);
    const { bitsPerByte, bytes, meanDepth, experts } = score;
    const depth = meanDepth === undefined ? '' : `, ${meanDepth.toFixed(2)} layers a position`;
    const heat = experts ? `, ${describeHottest(experts)}` : '';
    this.parts.progress?.note(
      `step ${step}: validation ${bitsPerByte.toFixed(4)} bits per byte (${bytes} bytes)${depth}${heat}`,
    );
    return score;
  }

  private async record(step: number, store: ByteStore, score: Score): Promise<void> {
    const { stepper, config, board } = this.parts;
    const { bitsPerByte, parityCrossEntropy, bytes, meanDepth, haltProbs, experts } = score;
    const isLogged = config.model.family === 'bit-transformer' && config.model.fullAttentionLogging;
    if (isLogged) await this.logAttention(step, store);
    const reconstructionError = await this.reconstruction(stepper.state, store);
    const figures = {
      ...{ bitsPerByte, parityCrossEntropy, bytes },
      ...(meanDepth !== undefined && { meanDepth }),
      ...(haltProbs && { haltProbs }),
      ...(experts && { experts }),
    };
    this.write({
      step,
      validation: { ...figures, ...(reconstructionError !== undefined && { reconstructionError }) },
    });
    board?.weights(step, stepper.state);
  }

  /** `attention/step-N.safetensors` in the run. */
  private async logAttention(step: number, store: ByteStore): Promise<void> {
    const { run, stepper, config, model } = this.parts;
    const path = join(run.path, 'attention', `${stepFolder(step)}.safetensors`);
    await writeAttention(path, model, stepper.state, store, config.data.parity);
  }
}
