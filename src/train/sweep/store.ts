import { join } from 'node:path';
import { NonetError } from '../../core/errors.js';
import { fileExists, makeFolder, readJson, writeFileAtomic } from '../../core/files.js';
import type { SweepConfig } from './config.js';
import type { Settings } from './space.js';

/** One trial of a sweep, and the run that it is. */
export interface Trial {
  /** From 1 on. */
  readonly number: number;
  /** Name of its run, beside the folder of the sweep. */
  readonly run: string;
  readonly settings: Settings;
  readonly status: 'running' | 'done' | 'failed';
  /** Bits per byte, of what the sweep's `metric` says; of done trials. */
  readonly value?: number;
  /** Wall time of its training and evaluations, all sessions together. */
  readonly seconds: number;
  /** Why it failed. */
  readonly error?: string;
}

const STATE_FILE = 'sweep.json';
const TABLE_FILE = 'trials.csv';
const FORMAT = 1;

/** Files of a sweep: `sweep.json` is all that is needed to go on, `trials.csv` is for people and other programs. */
export interface SweepStore {
  readonly path: string;
  readonly tablePath: string;
  readonly trials: readonly Trial[];
  /** Puts a trial in place of the one with its number, or behind the last one, and stores both files. */
  put(trial: Trial): Promise<void>;
}

/**
 * The store of a sweep in its folder, `<root>/<name>`, with the trials that were begun before.
 *
 * @throws NonetError `E_RUN` where a run has the name, or another sweep: one that would not have come to the same trials.
 */
export const openStore = async (config: SweepConfig): Promise<SweepStore> => {
  const path = sweepFolder(config);
  const statePath = join(path, STATE_FILE);
  const tablePath = join(path, TABLE_FILE);
  const plan = JSON.parse(JSON.stringify(courseOf(config))) as Record<string, unknown>;
  const trials = [...(await storedTrials(config, statePath, plan))];
  const keys = Object.keys(config.parameters);
  const put = async (trial: Trial): Promise<void> => {
    trials[trial.number - 1] = trial;
    await writeFileAtomic(statePath, `${JSON.stringify({ format: FORMAT, ...plan, trials }, null, 2)}\n`);
    await writeFileAtomic(tablePath, csv(trials, keys));
  };
  return { path, tablePath, trials, put };
};

export const sweepFolder = ({ root, name }: Pick<SweepConfig, 'root' | 'name'>): string => join(root, name);

/** Makes the folder of a sweep. `E_RUN` where a run has its name. */
export const createSweepFolder = async (config: SweepConfig): Promise<string> => {
  const path = sweepFolder(config);
  await makeFolder(path);
  if (await fileExists(join(path, 'config.json'))) {
    throw new NonetError('E_RUN', `${path} is a run: give the sweep another name.`, { path });
  }
  return path;
};

/** What decides about the trials; their number may grow, and the folder may move. */
const courseOf = ({ method, seed, metric, tpe, parameters, base }: SweepConfig) => ({
  method,
  seed,
  metric,
  ...(method === 'tpe' && { tpe }),
  parameters,
  base,
});

const storedTrials = async (
  { name }: SweepConfig,
  statePath: string,
  plan: Readonly<Record<string, unknown>>,
): Promise<readonly Trial[]> => {
  if (!(await fileExists(statePath))) return [];
  const stored = (await readJson(statePath)) as Readonly<Record<string, unknown>>;
  if (stored.format !== FORMAT || !Array.isArray(stored.trials)) {
    throw new NonetError('E_DATA', `${statePath} is not the state of a sweep: move it away to begin anew.`);
  }
  const changed = Object.keys(plan).filter((key) => JSON.stringify(stored[key]) !== JSON.stringify(plan[key]));
  if (changed.length === 0) return stored.trials as Trial[];
  const what = changed.map((key) => (key === 'base' ? 'recipe' : key)).join(', ');
  const advice = 'give it another name, or set these back to go on.';
  throw new NonetError('E_RUN', `the sweep ${name} was begun with another ${what}: ${advice}`, { changed });
};

/** Trials with a result first, the best of them in front; of equal ones the earlier. */
export const ranked = (trials: readonly Trial[]): Trial[] =>
  [...trials].sort(
    (a, b) => (a.value ?? Number.POSITIVE_INFINITY) - (b.value ?? Number.POSITIVE_INFINITY) || a.number - b.number,
  );

/** RFC 4180, but with plain line breaks. */
const csv = (trials: readonly Trial[], keys: readonly string[]): string => {
  const head = ['trial', 'run', 'status', 'bitsPerByte', 'seconds', ...keys, 'error'];
  const rows = ranked(trials).map(({ number, run, status, value, seconds, settings, error }) => [
    number,
    run,
    status,
    value ?? '',
    seconds.toFixed(3),
    ...keys.map((key) => {
      const setting = settings[key];
      return typeof setting === 'string' ? setting : JSON.stringify(setting);
    }),
    error ?? '',
  ]);
  return [head, ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('');
};

const cell = (value: unknown): string => {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
