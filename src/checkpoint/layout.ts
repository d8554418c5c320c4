/** Names inside a run folder. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError } from '../core/files.js';

export const CONFIG_FILE = 'config.json';
export const MODEL_FILE = 'model.safetensors';
export const OPTIMIZER_FILE = 'optimizer.safetensors';
export const STATE_FILE = 'state.json';
export const MANIFEST_FILE = 'manifest.json';
export const METRICS_FILE = 'metrics.jsonl';
/** Names the process that trains the run. */
export const LOCK_FILE = 'lock';
/** A text file beside the checkpoints: the name of the folder that was completed last. */
export const LATEST_FILE = 'latest';

/** Where a run keeps its checkpoints. */
export const checkpointsFolder = (runFolder: string): string => join(runFolder, 'checkpoints');

/** Name of the folder of one checkpoint. */
export const stepFolder = (step: number): string => `step-${step}`;

/** The step of such a name, undefined for any other. */
export function stepOf(name: string): number | undefined {
  const match = /^step-(0|[1-9]\d*)$/.exec(name);
  return match ? Number(match[1]) : undefined;
}

/** The steps of which a run has a folder, newest first; none when there is no folder of checkpoints yet. */
export async function savedSteps(runFolder: string): Promise<number[]> {
  const names = await entriesOf(checkpointsFolder(runFolder));
  return names
    .map(stepOf)
    .filter((step) => step !== undefined)
    .sort((a, b) => b - a);
}

/** The names in a folder; none when it does not exist. */
export async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw fileError(error, 'read', folder);
  }
}
