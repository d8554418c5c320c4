import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileError } from '../core/files.js';
import { generate } from '../generate/index.js';
import type { LoopParts } from './loop-parts.js';

/** Samples of a run, one JSON object a line. */
export const SAMPLES_FILE = 'samples.jsonl';

/** Lets the model write, and keeps what it wrote after that step. */
export const writeSample = async (parts: LoopParts, step: number): Promise<void> => {
  const { model, stepper, config, run, progress, board } = parts;
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
    appendFileSync(path, `${JSON.stringify({ step, text })}\n`);
  } catch (error) {
    throw fileError(error, 'write', path);
  }
  board?.sample(step, text);
  progress?.note(`step ${step} sample: ${JSON.stringify(text)}`);
};
