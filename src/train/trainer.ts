import { rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  createRun,
  isUntouched,
  latestCheckpoint,
  loadCheckpoint,
  lockRun,
  openRun,
  type RunFolder,
  readRunConfig,
} from '../checkpoint/index.js';
import { setThreads } from '../compile/default-executor.js';
import type { ConfigTree } from '../core/config.js';
import { NonetError } from '../core/errors.js';
import { checkConfig, type RunConfig, withSettings } from './config.js';
import { followsValidation } from './course.js';
import type { ProgressStream } from './progress.js';
import { runSession, type SessionStart, type TrainResult } from './session.js';

export type { TrainResult } from './session.js';

export interface TrainOptions {
  /** Where the live line goes; without it nothing is shown. */
  readonly stream?: ProgressStream;
  /** Ends the run after the step that is being done; it is saved and can be resumed. */
  readonly signal?: AbortSignal;
  readonly warn?: (message: string) => void;
}

/**
 * Trains a new run: `runs/<name>` holds its configuration, metrics and checkpoints.
 *
 * Throws `E_RUN` if the run exists, `E_FILE` and `E_DATA` for the data, `E_NOT_FINITE` when training blows up (the last
 * checkpoint stays), `E_MEMORY` when it cannot fit.
 */
export const train = async (config: RunConfig, options: TrainOptions = {}): Promise<TrainResult> => {
  setThreads(config.threads);
  const run = await createRun(config.run.root, config.run.name);
  try {
    return await locked(run, () => runSession(run, fresh(config), options));
  } catch (error) {
    // A run that failed before it wrote anything leaves nothing behind; a folder with contents is not removed.
    await rmdir(run.path).catch(() => {});
    throw error;
  }
};

/**
 * Goes on with a run from its latest intact checkpoint, from the start where it was killed before the first one; the
 * result is the same as if it had never stopped. Overrides that change the course of training (steps, learning rate,
 * data, model, seed) are refused unless `force`, a time always: only the start of a run turns it into steps.
 */
export const resume = async (
  pathOrName: string,
  overrides: readonly string[] = [],
  options: TrainOptions & { root?: string; force?: boolean } = {},
): Promise<TrainResult> => {
  const run = await openRun(pathOrName, options.root);
  const stored = await readRunConfig(run);
  const tree = withSettings(stored, overrides);
  const config = relocated(checkConfig(tree, run.configPath, run.name), run);
  const before = checkConfig(stored, run.configPath, run.name);
  if (!options.force) requireSameCourse(before, checkConfig(tree, run.configPath, run.name));
  if (config.train.minutes !== undefined) {
    const advice = 'give the steps to reach instead (train.steps and --force).';
    throw new NonetError('E_RUN', `resuming with train.minutes: a time becomes steps at the start of a run; ${advice}`);
  }
  setThreads(config.threads);
  // The lock comes first: taking it moves back a checkpoint that a killed process was replacing, and from then on nobody
  // removes the one that is read.
  return locked(run, async () => runSession(run, await goingOn(run, config, options), options));
};

const fresh = (config: RunConfig): SessionStart => ({
  config,
  ...(config.init.from && { weights: config.init.from }),
});

const goingOn = async (run: RunFolder, config: RunConfig, { warn }: TrainOptions): Promise<SessionStart> => {
  if (await isUntouched(run)) {
    warn?.(`${run.path} was ended before its first checkpoint: it begins anew.`);
    return fresh(config);
  }
  const folder = await latestCheckpoint(run.path, { warn });
  return { config, checkpoint: await loadCheckpoint(folder, { verify: false }) };
};

/** The run's own place counts, wherever it has been moved to. */
const relocated = (config: RunConfig, run: RunFolder): RunConfig => ({
  ...config,
  run: { name: run.name, root: dirname(run.path) },
});

const locked = async (run: RunFolder, work: () => Promise<TrainResult>): Promise<TrainResult> => {
  const lock = await lockRun(run.path);
  try {
    return await work();
  } finally {
    await lock.release();
  }
};

/** Keys that may differ when a run goes on: they change no number. */
const freeKeys = (config: RunConfig): ReadonlySet<string> =>
  new Set([
    'threads',
    'data.workers',
    'trace',
    'train.stepsPerCall',
    'train.keepCheckpoints',
    'train.keepBest',
    'train.sampleEvery',
    'train.sampleBytes',
    'model.fullAttentionLogging',
    ...(config.train.spike === 'rewind' ? [] : ['train.checkpointEvery']),
    ...(followsValidation(config) ? [] : ['train.evaluateEvery', 'train.evaluateBytes']),
  ]);

const requireSameCourse = (before: RunConfig, after: RunConfig): void => {
  const changed = differences(before as unknown as ConfigTree, after as unknown as ConfigTree, freeKeys(before));
  if (changed.length === 0) return;
  const list = changed.join(', ');
  const why = changed.includes('train.steps')
    ? 'another number of steps changes the learning rate schedule'
    : 'the run would no longer be one run';
  throw new NonetError(
    'E_RUN',
    `resuming with another ${list}: ${why}. Add --force if that is what you want, or start a new run with init.from.`,
    {
      changed,
    },
  );
};

const differences = (a: unknown, b: unknown, free: ReadonlySet<string>, prefix = ''): string[] => {
  if (free.has(prefix)) return [];
  const isTree = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isTree(a) || !isTree(b)) return JSON.stringify(a) === JSON.stringify(b) ? [] : [prefix];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) => differences(a[key], b[key], free, prefix === '' ? key : `${prefix}.${key}`));
};
