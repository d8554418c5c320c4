import { join } from 'node:path';
import { lockRun, runNames } from '../../checkpoint/index.js';
import { type ErrorCode, NonetError } from '../../core/errors.js';
import { formatDuration } from '../../core/format.js';
import { checkConfig, withSettings } from '../config.js';
import { resume, type TrainOptions, type TrainResult, train } from '../trainer.js';
import { asOverrides, type SweepConfig } from './config.js';
import { proposeTrial, trialCount } from './propose.js';
import type { Settings } from './space.js';
import { createSweepFolder, openStore, ranked, type SweepStore, type Trial } from './store.js';
import type { Observation } from './tpe.js';

export interface SweepResult {
  readonly sweepFolder: string;
  /** The table of the trials, as CSV. */
  readonly tablePath: string;
  /** The best one first, failed ones last. */
  readonly trials: readonly Trial[];
  /** Missing when none has a result. */
  readonly best?: Trial;
  readonly interrupted: boolean;
}

/**
 * Trains the trials of a sweep one after the other, each a run of its own, `<root>/<name>-001` and so on, and goes on where
 * an earlier call was ended, within a trial too. The same sweep comes to the same trials and results, whatever interrupts
 * it. A trial whose training fails (NaN, settings that do not go together, too little memory) is recorded as failed.
 *
 * Throws `E_RUN` when the name is taken or another process is at the sweep, `E_FILE` when something cannot be written.
 */
export const sweep = async (config: SweepConfig, options: TrainOptions = {}): Promise<SweepResult> => {
  const lock = await lockRun(await createSweepFolder(config));
  // What is to be said of the data is so for all trials.
  const told = new Set<string>();
  const warn = (message: string): void => {
    if (!told.has(message)) options.warn?.(message);
    told.add(message);
  };
  try {
    const store = await openStore(config);
    const interrupted = await runTrials(config, store, { ...options, warn });
    const trials = ranked(store.trials);
    const best = trials.find(({ status }) => status === 'done');
    return { sweepFolder: store.path, tablePath: store.tablePath, trials, ...(best && { best }), interrupted };
  } finally {
    await lock.release();
  }
};

/** Returns whether the signal ended it. */
const runTrials = async (config: SweepConfig, store: SweepStore, options: TrainOptions): Promise<boolean> => {
  const count = trialCount(config);
  const isOpen = ({ status }: Trial): boolean => status === 'running';
  for (let index = 0; index < count; index++) {
    const known = store.trials[index];
    if (known && !isOpen(known)) continue;
    if (options.signal?.aborted) return true;
    const trial = known ?? newTrial(config, index, store.trials);
    say(options, `trial ${trial.number}/${count}: ${settingsText(trial.settings)}`);
    if (!known) {
      await requireFree(config, trial);
      await store.put(trial);
    }
    const ended = await runTrial(config, trial, options);
    await store.put(ended);
    if (isOpen(ended)) return true;
    say(options, `trial ${trial.number}/${count}: ${resultText(ended, store.trials, count)}`);
  }
  return false;
};

const newTrial = (config: SweepConfig, index: number, before: readonly Trial[]): Trial => ({
  number: index + 1,
  run: `${config.name}-${String(index + 1).padStart(3, '0')}`,
  settings: proposeTrial(config, index, before.map(observation)),
  status: 'running',
  seconds: 0,
});

/** A run that was there before is not the one of a trial. */
const requireFree = async ({ root }: SweepConfig, { run }: Trial): Promise<void> => {
  if (!(await runNames(root)).includes(run)) return;
  const message = `${join(root, run)} is there already: give the sweep another name, or move that run away.`;
  throw new NonetError('E_RUN', message, { run });
};

/** A failed trial is worse than any other: that is worth knowing too. */
const observation = ({ settings, value = Number.POSITIVE_INFINITY }: Trial): Observation => ({ settings, value });

/** What fails for the settings of a trial; all else, such as a full disk, would fail for the next one too. */
const ownFailures: readonly ErrorCode[] = ['E_NOT_FINITE', 'E_CONFIG', 'E_MEMORY', 'E_DATA', 'E_SHAPE'];

const oneLine = (message: string): string => message.replace(/\s*\n\s*/g, ' ').replace(/\.$/, '');

/** The trial as it is afterwards; it is still running where the signal ended it. */
const runTrial = async (config: SweepConfig, trial: Trial, options: TrainOptions): Promise<Trial> => {
  const began = performance.now();
  const after = (): { seconds: number } => ({ seconds: trial.seconds + (performance.now() - began) / 1000 });
  try {
    const result = await trained(config, trial, options);
    if (result.interrupted) return { ...trial, ...after() };
    const value = metricOf(config, result);
    if (Number.isFinite(value)) return { ...trial, status: 'done', value, ...after() };
    return { ...trial, status: 'failed', error: 'the validation part has no finite bits per byte', ...after() };
  } catch (error) {
    if (!(error instanceof NonetError) || !ownFailures.includes(error.code)) throw error;
    return { ...trial, status: 'failed', error: oneLine(error.message), ...after() };
  }
};

/** Begins the run of a trial, or goes on with it. */
const trained = async ({ base, root }: SweepConfig, { run, settings }: Trial, options: TrainOptions) => {
  if ((await runNames(root)).includes(run)) return resume(join(root, run), [], { ...options, root });
  const tree = withSettings(base, [...asOverrides(settings), `run.name=${JSON.stringify(run)}`]);
  const placed = withSettings(tree, [`run.root=${JSON.stringify(root)}`]);
  return train(checkConfig(placed, `trial ${run}`, run), options);
};

const metricOf = ({ metric }: SweepConfig, { validation, best }: TrainResult): number =>
  (metric === 'best' ? best?.bitsPerByte : undefined) ?? validation?.bitsPerByte ?? Number.NaN;

const say = ({ stream }: TrainOptions, text: string): void => void stream?.write(`${text}\n`);

/** `train.learningRate 0.001, model.layers 4`. */
export const settingsText = (settings: Settings): string =>
  Object.entries(settings)
    .map(([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');

const resultText = (trial: Trial, trials: readonly Trial[], count: number): string => {
  const [best] = ranked(trials);
  const result = trial.value === undefined ? `failed: ${trial.error}` : `${trial.value.toFixed(4)} bits per byte`;
  const record = best?.value === undefined ? '' : `, best ${best.value.toFixed(4)} (trial ${best.number})`;
  const seconds = trials.reduce((sum, each) => sum + each.seconds, 0) / trials.length;
  const left = count - trials.length;
  return `${result}${record}${left > 0 ? `, about ${formatDuration(seconds * left)} left` : ''}`;
};
