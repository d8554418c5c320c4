import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lockHolder, openRun, type RunFolder, readRunConfig, runNames } from '../checkpoint/index.js';
import { NonetError } from '../core/errors.js';
import { writeFileAtomic } from '../core/files.js';
import { packageFile } from '../core/package-root.js';
import { generate } from '../generate/index.js';
import { compressorSizes } from '../train/compressors.js';
import { type RunConfig, resolveConfig } from '../train/config.js';
import { openRunData } from '../train/data.js';
import { loadRun } from '../train/load.js';
import type { ProgressStream } from '../train/progress.js';
import { type TrainResult, train } from '../train/trainer.js';
import { corpusPath, corpusSuffix } from './corpus.js';
import type { QuickstartSummary } from './render/quickstart.js';

export interface QuickstartOptions {
  /** Instead of the recipe that comes with nonet. */
  readonly recipe?: string;
  readonly settings?: readonly string[];
  readonly stream?: ProgressStream;
  readonly signal?: AbortSignal;
  readonly say: (text: string) => void;
  readonly warn: (message: string) => void;
}

export interface QuickstartOutcome {
  readonly runFolder: string;
  /** Missing when training was interrupted. */
  readonly summary?: QuickstartSummary;
}

/** A file of a run that only the quickstart writes. */
const summaryFile = 'summary.json';
const samplePrompt = 'The ';
const sampleSettings = { maxBytes: 400, temperature: 0.7, seed: 1, utf8: true };

/**
 * Trains on Moby Dick, compares with compressors, takes a sample and writes `summary.json` into the run.
 * Throws `E_FILE` without the text, `E_RUN` when the run's folder holds something that no quickstart made.
 */
export const quickstart = async (options: QuickstartOptions): Promise<QuickstartOutcome> => {
  const { recipe = packageFile('recipes/quickstart.yaml'), settings = [], say, warn } = options;
  const text = corpusPath();
  const config = await resolveConfig(recipe, [`data.path=${JSON.stringify(text)}`, 'run.name=quickstart', ...settings]);
  await removeEarlier(config);
  say(`training on Moby Dick, ${join(config.run.root, config.run.name)}`);
  const result = await train(config, options);
  if (result.interrupted) return { runFolder: result.runFolder };
  say('measuring compressors and taking a sample');
  const summary = summaryOf(result, await compressorsOf(config), await sampleOf(result, warn));
  await writeFileAtomic(join(result.runFolder, summaryFile), `${JSON.stringify(summary, null, 2)}\n`);
  return { runFolder: result.runFolder, summary };
};

/** Makes room for a new run. Nothing is removed that somebody else made, or that is being trained. */
const removeEarlier = async ({ run: { root, name } }: RunConfig): Promise<void> => {
  if (!(await runNames(root)).includes(name)) return;
  const earlier = await openRun(join(root, name), root);
  const holder = await lockHolder(earlier.path);
  if (holder) {
    throw new NonetError(
      'E_RUN',
      `${earlier.path} is being trained by process ${holder.pid}: wait for its end or stop it.`,
    );
  }
  if (!(await isQuickstart(earlier))) {
    const message = `${earlier.path} was not made by the quickstart and is left alone: move it, or give run.name=another.`;
    throw new NonetError('E_RUN', message, { path: earlier.path });
  }
  await rm(earlier.path, { recursive: true });
};

/** A quickstart's run was trained on the quickstart's text, under its name; an interrupted one has no summary. */
const isQuickstart = async (run: RunFolder): Promise<boolean> => {
  const { data } = await readRunConfig(run);
  const path = typeof data === 'object' && data !== null && 'path' in data ? data.path : undefined;
  return typeof path === 'string' && path.endsWith(corpusSuffix);
};

const compressorsOf = async (config: RunConfig): Promise<QuickstartSummary['compressors']> => {
  const { dataset } = await openRunData(config);
  try {
    const { validationBytes } = dataset;
    return await compressorSizes(validationBytes.read(0, validationBytes.length).slice());
  } finally {
    dataset.close();
  }
};

/** What the model writes behind a prompt, the prompt included. */
const sampleOf = async ({ runFolder }: TrainResult, warn: (message: string) => void): Promise<string> => {
  const { model, state } = await loadRun(runFolder, { warn });
  try {
    const prompts = [new TextEncoder().encode(samplePrompt)];
    const { rows } = await generate(model, state, { prompts, ...sampleSettings });
    return samplePrompt + new TextDecoder().decode(rows[0]?.bytes);
  } finally {
    state.free();
  }
};

const summaryOf = (
  result: TrainResult,
  { gzip, bzip2, xz, zstd }: QuickstartSummary['compressors'],
  sample: string,
): QuickstartSummary => {
  const { validation, seconds, bytesPerSecond, gflops, peakShare, parameters } = result;
  if (!validation) throw new NonetError('E_DATA', 'the recipe leaves no validation part: set data.validationShare.');
  const { bitsPerByte, bytes, context } = validation;
  return {
    validation: { bitsPerByte, bytes, context },
    compressors: { gzip, bzip2, xz, zstd },
    seconds,
    bytesPerSecond,
    gflops,
    peakShare,
    parameters,
    sample,
  };
};
