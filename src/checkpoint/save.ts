import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NonetError } from '../core/errors.js';
import { fileError, fileExists, makeFolder, syncFolder, temporaryName, writeFileAtomic } from '../core/files.js';
import { sha256 } from '../core/hash.js';
import type { ConfigTree } from '../core/recipe.js';
import { type FaultPoint, faultPoint } from './fault.js';
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
} from './layout.js';
import { removeLeftovers } from './leftovers.js';
import { encodeManifest } from './manifest.js';
import type { NamedArray } from './named-array.js';
import { type WrittenFile, writeSafetensors } from './safetensors.js';

/** All that is needed to go on from a step, to serve, or to load the weights elsewhere. */
export interface CheckpointContent {
  /** Optimizer steps done. */
  readonly step: number;
  /** The resolved configuration. */
  readonly config: ConfigTree;
  readonly model: readonly NamedArray[];
  readonly optimizer: readonly NamedArray[];
  /** What the trainer must know to go on (seed, bytes seen, instruction set, version ...), as JSON. */
  readonly state: ConfigTree;
}

export interface SaveOptions {
  /** Newest checkpoints that stay, at least 2: one of them may turn out damaged. */
  readonly keep?: number;
  /** Steps of which the checkpoints stay beside the newest, up to the one that is saved. */
  readonly pinned?: readonly number[];
  /** Called at every named point inside saving; may throw in the place of a failing disk. */
  readonly onFault?: (point: FaultPoint) => void;
}

/** PyTorch's and transformers' readers look at this entry. */
const METADATA = { format: 'pt' };

/**
 * Saves a checkpoint so that at every moment, a power cut included, the run has all the checkpoints that it had before
 * or the new one too: everything is written to a temporary folder, synced, renamed, and then `latest` is moved.
 * Afterwards old checkpoints beyond `keep` and `pinned` are removed, and those of later steps, which are of a past that was given
 * up when the run went on from an earlier step. One call at a time for a run.
 *
 * @returns the folder of the checkpoint
 * @throws NonetError `E_FILE` (disk full, no permission, ...): the earlier checkpoints are as they were.
 */
export async function saveCheckpoint(
  runFolder: string,
  content: CheckpointContent,
  { keep = 2, pinned = [], onFault = faultPoint }: SaveOptions = {},
): Promise<string> {
  requireSensible(content.step, keep);
  const parent = checkpointsFolder(runFolder);
  const folder = join(parent, stepFolder(content.step));
  const temporary = temporaryName(folder);
  try {
    onFault('save:before-write');
    // The name of the folder itself has to outlast a power cut too.
    if (await makeFolder(parent)) await syncFolder(runFolder);
    await removeLeftovers(parent);
    await makeFolder(temporary);
    await writeFiles(temporary, content, onFault);
    await syncFolder(temporary);
    onFault('save:after-fsync');
    const replaced = await moveIntoPlace(temporary, folder);
    onFault('save:after-rename');
    await syncFolder(parent);
    onFault('save:before-latest');
    await writeFileAtomic(join(parent, LATEST_FILE), `${stepFolder(content.step)}\n`);
    onFault('save:after-latest');
    if (replaced !== undefined) await removeFolder(replaced);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw notSaved(content.step, fileError(error, 'save', folder));
  }
  await prune(runFolder, content.step, { keep, pinned });
  return folder;
}

async function writeFiles(
  folder: string,
  { step, config, model, optimizer, state }: CheckpointContent,
  onFault: (point: FaultPoint) => void,
): Promise<void> {
  const half = model.length >> 1;
  const beforeArray = (index: number): void => {
    if (index === half) onFault('save:half-written');
  };
  const files = {
    [CONFIG_FILE]: await writeSynced(join(folder, CONFIG_FILE), toJson(config)),
    [MODEL_FILE]: await writeSafetensors(join(folder, MODEL_FILE), model, { metadata: METADATA, beforeArray }),
    [OPTIMIZER_FILE]: await writeSafetensors(join(folder, OPTIMIZER_FILE), optimizer, { metadata: METADATA }),
    [STATE_FILE]: await writeSynced(join(folder, STATE_FILE), toJson({ ...state, step })),
  };
  await writeSynced(join(folder, MANIFEST_FILE), encodeManifest(files));
}

async function writeSynced(path: string, text: string): Promise<WrittenFile> {
  try {
    const file = await open(path, 'wx');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileError(error, 'write', path);
  }
  return { bytes: Buffer.byteLength(text), sha256: sha256(text) };
}

/**
 * A folder cannot be renamed over another, so one of the same step is moved aside first.
 * @returns where it went, for the caller to remove when the new one is `latest`
 */
async function moveIntoPlace(temporary: string, folder: string): Promise<string | undefined> {
  const aside = temporary.replace(/\.tmp-(\d+-[0-9a-f]+)$/, '.old-$1');
  const replaces = await fileExists(folder);
  if (replaces) await rename(folder, aside);
  try {
    await rename(temporary, folder);
  } catch (error) {
    if (replaces) await rename(aside, folder);
    throw error;
  }
  return replaces ? aside : undefined;
}

async function prune(
  runFolder: string,
  step: number,
  { keep, pinned }: { keep: number; pinned: readonly number[] },
): Promise<void> {
  const steps = await savedSteps(runFolder);
  const abandoned = steps.filter((saved) => saved > step);
  const old = steps.filter((saved) => saved <= step).slice(keep);
  const past = old.filter((saved) => !pinned.includes(saved));
  for (const saved of [...abandoned, ...past]) {
    await removeFolder(join(checkpointsFolder(runFolder), stepFolder(saved)));
  }
}

/** Under another name first: what is half removed must not look like a checkpoint. */
async function removeFolder(folder: string): Promise<void> {
  const dying = temporaryName(folder);
  try {
    await rename(folder, dying);
    await rm(dying, { recursive: true, force: true });
  } catch (error) {
    throw fileError(error, 'remove', folder);
  }
}

function notSaved(step: number, error: NonetError): NonetError {
  const message = `the checkpoint of step ${step} is not saved: ${error.message} Earlier checkpoints are as they were.`;
  return new NonetError(error.code, message, { ...error.details, step }, { cause: error });
}

function requireSensible(step: number, keep: number): void {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new NonetError('E_CHECKPOINT', `a checkpoint of step ${step} cannot be saved: steps count from 0.`, { step });
  }
  if (!Number.isSafeInteger(keep) || keep < 2) {
    throw new NonetError('E_CONFIG', `${keep} checkpoints to keep are too few: at least 2, one may be damaged.`, {
      keep,
    });
  }
}

const toJson = (tree: ConfigTree): string => `${JSON.stringify(tree, null, 2)}\n`;
