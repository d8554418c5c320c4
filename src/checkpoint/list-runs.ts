import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { lastValues } from './json-lines.js';
import { savedSteps } from './layout.js';
import { type LockHolder, lockHolder } from './lock.js';
import { openRun, RUNS_ROOT, type RunFolder, runNames } from './run-folder.js';

/** What a list of runs tells of one. */
export interface RunSummary extends RunFolder {
  /** The last step of which there is a row of metrics or a checkpoint; undefined before the first. */
  readonly step: number | undefined;
  /** Steps of which there is a checkpoint, newest first. */
  readonly checkpoints: readonly number[];
  /** The last value of every metric. */
  readonly metrics: Readonly<Record<string, unknown>>;
  /** When its metrics, or else the folder, last changed. */
  readonly updated: Date;
  /** Who trains it at the moment. */
  readonly holder: LockHolder | undefined;
}

/** All runs under `root`, the one updated last first. Nothing is stored for it: the files of the runs are read. */
export async function listRuns(root = RUNS_ROOT): Promise<RunSummary[]> {
  const runs: RunSummary[] = [];
  for (const name of await runNames(root)) runs.push(await summarizeRun(await openRun(join(root, name), root)));
  return runs.sort((a, b) => b.updated.getTime() - a.updated.getTime() || a.name.localeCompare(b.name));
}

/** See {@link RunSummary}. */
export async function summarizeRun(run: RunFolder): Promise<RunSummary> {
  const [checkpoints, metrics] = [await savedSteps(run.path), await lastValues(run.metricsPath)];
  const steps = [metrics.step, checkpoints[0]].filter((step) => typeof step === 'number');
  const { mtime } = await stat(run.metricsPath).catch(() => stat(run.path));
  return {
    ...run,
    step: steps.length > 0 ? Math.max(...steps) : undefined,
    checkpoints,
    metrics,
    updated: mtime,
    holder: await lockHolder(run.path),
  };
}
