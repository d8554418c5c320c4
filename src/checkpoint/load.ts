import { join } from 'node:path';
import { NonetError } from '../core/errors.js';
import { fileExists, readJson, readText } from '../core/files.js';
import type { ConfigTree } from '../core/recipe.js';
import {
  CONFIG_FILE,
  checkpointsFolder,
  LATEST_FILE,
  MANIFEST_FILE,
  MODEL_FILE,
  OPTIMIZER_FILE,
  STATE_FILE,
  savedSteps,
  stepFolder,
  stepOf,
} from './layout.js';
import { damagedCheckpoint, verifyCheckpoint } from './manifest.js';
import type { NamedArray } from './named-array.js';
import { readSafetensors } from './safetensors.js';
import type { CheckpointContent } from './save.js';

export interface FindOptions {
  /** Told of every damaged checkpoint that is passed over, in a sentence. */
  readonly warn?: (message: string) => void;
}

/**
 * The folder of the checkpoint from which a run goes on: the one that `latest` names or, where that is damaged, the
 * newest that is intact.
 *
 * @throws NonetError `E_CHECKPOINT` when no checkpoint is intact; it tells what is wrong with each.
 */
export async function latestCheckpoint(runFolder: string, { warn = () => {} }: FindOptions = {}): Promise<string> {
  const steps = await savedSteps(runFolder);
  const latest = steps.length > 0 ? await readLatest(runFolder, steps, warn) : undefined;
  const candidates = latest === undefined ? steps : [latest, ...steps.filter((step) => step !== latest)];
  const problems: string[] = [];
  for (const step of candidates) {
    const folder = join(checkpointsFolder(runFolder), stepFolder(step));
    try {
      await verifyCheckpoint(folder);
      return folder;
    } catch (error) {
      if (!(error instanceof NonetError)) throw error;
      problems.push(error.message);
      warn(`passed over: ${error.message}`);
    }
  }
  const message =
    problems.length === 0
      ? `${runFolder} holds no checkpoint: its training ended before the first one was saved.`
      : `${runFolder} holds no intact checkpoint:\n${problems.map((problem) => `  ${problem}`).join('\n')}`;
  throw new NonetError('E_CHECKPOINT', message, { folder: runFolder, problems });
}

/**
 * The folder of the checkpoint that its run held for the best at the time of the latest one.
 *
 * @throws NonetError `E_CHECKPOINT` when there is none, or it is damaged.
 */
export async function bestCheckpoint(runFolder: string, options: FindOptions = {}): Promise<string> {
  const { best } = await readTree(await latestCheckpoint(runFolder, options), STATE_FILE);
  const folder = join(checkpointsFolder(runFolder), stepFolder(Number(best)));
  if (typeof best !== 'number' || !(await fileExists(folder))) {
    const what =
      typeof best === 'number' ? `keeps no checkpoint of step ${best}, its best` : 'knows no best checkpoint';
    const message = `${runFolder} ${what}: take the latest one; train.keepBest keeps the best from the first evaluation on.`;
    throw new NonetError('E_CHECKPOINT', message, { folder: runFolder });
  }
  await verifyCheckpoint(folder);
  return folder;
}

async function readLatest(
  runFolder: string,
  steps: readonly number[],
  warn: (message: string) => void,
): Promise<number | undefined> {
  const path = join(checkpointsFolder(runFolder), LATEST_FILE);
  const name = (await fileExists(path)) ? (await readText(path)).trimEnd() : undefined;
  const step = name === undefined ? undefined : stepOf(name);
  if (step !== undefined && steps.includes(step)) return step;
  const what = name === undefined ? 'is missing' : `names no checkpoint (${JSON.stringify(name.slice(0, 40))})`;
  warn(`${path} ${what}: the newest intact checkpoint is taken instead.`);
  return undefined;
}

export interface LoadOptions {
  /** Whether to compare every file with the manifest; to be left out only right after {@link latestCheckpoint}. */
  readonly verify?: boolean;
  /** Whether to read the optimizer's arrays, two thirds of all bytes; what only generates does without. */
  readonly optimizer?: boolean;
}

/**
 * Reads a checkpoint folder, a copy of one outside of any run included.
 *
 * @throws NonetError `E_CHECKPOINT` when it is damaged or of another version, `E_FILE` when it cannot be read.
 */
export async function loadCheckpoint(
  folder: string,
  { verify = true, optimizer = true }: LoadOptions = {},
): Promise<CheckpointContent> {
  if (!(await fileExists(folder))) {
    throw new NonetError('E_CHECKPOINT', `there is no checkpoint ${folder}: check the path.`, { folder });
  }
  if (verify) await verifyCheckpoint(folder);
  const state = await readTree(folder, STATE_FILE);
  if (typeof state.step !== 'number') throw damagedCheckpoint(folder, `${STATE_FILE} tells no step`);
  return {
    step: state.step,
    config: await readTree(folder, CONFIG_FILE),
    model: await readArrays(folder, MODEL_FILE),
    optimizer: optimizer ? await readArrays(folder, OPTIMIZER_FILE) : [],
    state,
  };
}

/** Whether a folder is a checkpoint, intact or not, rather than a run. */
export async function isCheckpoint(folder: string): Promise<boolean> {
  return fileExists(join(folder, MANIFEST_FILE));
}

async function readTree(folder: string, name: string): Promise<ConfigTree> {
  const tree = await readJson(join(folder, name));
  if (typeof tree === 'object' && tree !== null && !Array.isArray(tree)) return tree as ConfigTree;
  throw damagedCheckpoint(folder, `${name} is not a JSON object`);
}

async function readArrays(folder: string, name: string): Promise<NamedArray[]> {
  return (await readSafetensors(join(folder, name))).arrays;
}
