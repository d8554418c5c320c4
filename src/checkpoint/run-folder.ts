import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { NonetError } from '../core/errors.js';
import { fileExists, makeFolder, readJson, writeFileAtomic } from '../core/files.js';
import { formatList } from '../core/format.js';
import { nearest } from '../core/nearest.js';
import type { ConfigTree } from '../core/recipe.js';
import {
  CONFIG_FILE,
  checkpointsFolder,
  entriesOf,
  LOCK_FILE,
  METRICS_FILE,
  savedSteps,
  stepFolder,
} from './layout.js';
import { bestCheckpoint, type FindOptions, isCheckpoint, latestCheckpoint } from './load.js';

/** The folder of one training run: its configuration, checkpoints, metrics and whatever else belongs to it. */
export interface RunFolder {
  readonly name: string;
  readonly path: string;
  readonly configPath: string;
  readonly metricsPath: string;
}

/** Where runs lie unless told otherwise, relative to the working directory. */
export const RUNS_ROOT = 'runs';

/**
 * The folder `<root>/<name>` for a new run or, with `resume`, the one of an existing run. A lock alone is no run yet: its
 * process was killed before it wrote anything, or is at it, which taking the lock will tell.
 *
 * @throws NonetError `E_RUN` when the name cannot be that of a folder, a new run's folder holds something already, or a
 *   run to resume does not exist; `E_FILE` when the folder cannot be created.
 */
export async function createRun(root: string, name: string, { resume = false } = {}): Promise<RunFolder> {
  requireName(name);
  const path = join(root, name);
  if (resume) return openRun(path, root);
  await makeFolder(path);
  const run = runFolder(path);
  if ((await entriesOf(path)).some((entry) => entry !== LOCK_FILE)) {
    throw inTheWay(path, (await savedSteps(path)).length > 0 || (await isUntouched(run)));
  }
  return run;
}

/** Whether a run has its configuration and nothing else: it was killed before its first checkpoint, and can begin anew. */
export async function isUntouched({ path, configPath, metricsPath }: RunFolder): Promise<boolean> {
  if (!(await fileExists(configPath)) || (await savedSteps(path)).length > 0) return false;
  const measured = await stat(metricsPath).catch(() => undefined);
  return measured === undefined || measured.size === 0;
}

/**
 * An existing run, given as its folder or as its name under `root`.
 *
 * @throws NonetError `E_RUN` when there is none; it suggests the nearest name.
 */
export async function openRun(pathOrName: string, root = RUNS_ROOT): Promise<RunFolder> {
  for (const path of [pathOrName, join(root, pathOrName)]) {
    if (await isRun(path)) return runFolder(path);
  }
  const known = await runNames(root);
  const suggestion = nearest(basename(pathOrName), known);
  const advice =
    suggestion !== undefined
      ? `did you mean ${suggestion}?`
      : known.length > 0
        ? `in ${root} there are ${formatList(known)}.`
        : `${root} holds no runs; train one first.`;
  throw new NonetError('E_RUN', `there is no run ${pathOrName}: ${advice}`, { path: pathOrName, known });
}

/** Behind the name or the folder of a run: its best checkpoint. */
const BEST = /^(.+)@best$/;

/**
 * The checkpoint meant by a run's name, a run's folder (their latest intact one, with `@best` behind it their best one, with
 * `step` the one of that step, whether it is there or not) or the folder of a checkpoint.
 *
 * @throws NonetError `E_RUN` when there is no such run, `E_CHECKPOINT` when it has no such intact checkpoint, `E_USAGE` for
 *   both `@best` and a step.
 */
export async function findCheckpoint(
  pathOrName: string,
  { root = RUNS_ROOT, warn, step }: FindOptions & { root?: string; step?: number } = {},
): Promise<string> {
  if (step === undefined && (await isCheckpoint(pathOrName))) return pathOrName;
  const [, name] = BEST.exec(pathOrName) ?? [];
  // A run may have such a name itself.
  const isOther = name !== undefined && !(await isRun(pathOrName)) && !(await isRun(join(root, pathOrName)));
  if (isOther && step !== undefined) {
    const message = `${pathOrName} is the best checkpoint of ${name}, --checkpoint the one of step ${step}: the two do not go together, leave one out.`;
    throw new NonetError('E_USAGE', message, { path: pathOrName, step });
  }
  if (isOther) return bestCheckpoint((await openRun(name, root)).path, { warn });
  const { path } = await openRun(pathOrName, root);
  return step === undefined ? latestCheckpoint(path, { warn }) : join(checkpointsFolder(path), stepFolder(step));
}

/** The names of the runs under `root`, in alphabetical order; none when there is no such folder. */
export async function runNames(root: string): Promise<string[]> {
  const names: string[] = [];
  for (const name of await entriesOf(root)) {
    if (await isRun(join(root, name))) names.push(name);
  }
  return names.sort();
}

/** Stores the resolved configuration of a run. */
export async function writeRunConfig(run: RunFolder, config: ConfigTree): Promise<void> {
  await writeFileAtomic(run.configPath, `${JSON.stringify(config, null, 2)}\n`);
}

/** The configuration that {@link writeRunConfig} stored. `E_FILE` when there is none, `E_DATA` when it is no JSON object. */
export async function readRunConfig(run: RunFolder): Promise<ConfigTree> {
  const tree = await readJson(run.configPath);
  if (typeof tree === 'object' && tree !== null && !Array.isArray(tree)) return tree as ConfigTree;
  throw new NonetError(
    'E_DATA',
    `${run.configPath} is not a JSON object: restore it from a checkpoint's config.json.`,
    {
      path: run.configPath,
    },
  );
}

function runFolder(path: string): RunFolder {
  return {
    name: basename(resolve(path)),
    path,
    configPath: join(path, CONFIG_FILE),
    metricsPath: join(path, METRICS_FILE),
  };
}

/** A checkpoint has a configuration too, but is no run. */
async function isRun(path: string): Promise<boolean> {
  const isFolder = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  if (!isFolder || (await isCheckpoint(path))) return false;
  return (await fileExists(join(path, CONFIG_FILE))) || fileExists(checkpointsFolder(path));
}

function inTheWay(path: string, resumable: boolean): NonetError {
  const name = basename(path);
  const advice = resumable
    ? `go on with it (nonet train --resume ${name}) or choose another run.name.`
    : 'it has no checkpoint to go on from; choose another run.name, or delete the folder.';
  return new NonetError('E_RUN', `the run ${path} already exists: ${advice}`, { path });
}

const FORBIDDEN = /[\\/:*?"<>|]|\p{Cc}/u;
const LONGEST_NAME = 100;

function requireName(name: string): void {
  const problem =
    name.trim() === ''
      ? 'it is empty'
      : name.length > LONGEST_NAME
        ? `it has more than ${LONGEST_NAME} characters`
        : /^[.\s]|[.\s]$/.test(name)
          ? 'it starts or ends with a dot or a space'
          : FORBIDDEN.test(name)
            ? 'it holds one of \\ / : * ? " < > | or a control character'
            : undefined;
  if (problem === undefined) return;
  const message = `${JSON.stringify(name.slice(0, LONGEST_NAME))} cannot name a run: ${problem}. Choose another run.name.`;
  throw new NonetError('E_RUN', message, { name });
}
