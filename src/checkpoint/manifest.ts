import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { NonetError } from '../core/errors.js';
import { readText } from '../core/files.js';
import { sha256File } from '../core/hash.js';
import { CONFIG_FILE, MANIFEST_FILE, MODEL_FILE, OPTIMIZER_FILE, STATE_FILE } from './layout.js';
import type { WrittenFile } from './safetensors.js';

/** The version of the form of a checkpoint folder. */
export const FORMAT_VERSION = 1;

/** The files of a checkpoint, the manifest itself left out. */
export const CHECKPOINT_FILES = [CONFIG_FILE, MODEL_FILE, OPTIMIZER_FILE, STATE_FILE] as const;
export type CheckpointFile = (typeof CHECKPOINT_FILES)[number];

export interface Manifest {
  readonly formatVersion: typeof FORMAT_VERSION;
  readonly files: Readonly<Record<CheckpointFile, WrittenFile>>;
}

export function encodeManifest(files: Manifest['files']): string {
  return `${JSON.stringify({ formatVersion: FORMAT_VERSION, files }, null, 2)}\n`;
}

/**
 * Checks a checkpoint folder: the version of its form, then size and SHA-256 of every file.
 *
 * @throws NonetError `E_CHECKPOINT` that names the folder, the file and what is wrong with it.
 */
export async function verifyCheckpoint(folder: string): Promise<Manifest> {
  const manifest = await readManifest(folder);
  for (const name of CHECKPOINT_FILES) await verifyFile(folder, name, manifest.files[name]);
  return manifest;
}

async function readManifest(folder: string): Promise<Manifest> {
  let tree: unknown;
  try {
    tree = JSON.parse(await readText(join(folder, MANIFEST_FILE)));
  } catch (error) {
    const missing = error instanceof NonetError && error.details.errno === 'ENOENT';
    const what = missing
      ? `it has no ${MANIFEST_FILE}`
      : error instanceof NonetError
        ? error.message.replace(/\.$/, '')
        : `its ${MANIFEST_FILE} is not JSON`;
    throw damagedCheckpoint(folder, what);
  }
  const version = isRecord(tree) ? tree.formatVersion : undefined;
  if (version !== FORMAT_VERSION) {
    const told = typeof version === 'number' ? `has format version ${version}` : 'names no format version';
    throw new NonetError(
      'E_CHECKPOINT',
      `${folder}: its ${MANIFEST_FILE} ${told}, this nonet reads version ${FORMAT_VERSION}; ` +
        'use the release of nonet that wrote it, or another checkpoint.',
      { folder, version },
    );
  }
  const files = isRecord(tree) ? tree.files : undefined;
  for (const name of CHECKPOINT_FILES) {
    const entry = isRecord(files) ? files[name] : undefined;
    if (isRecord(entry) && typeof entry.bytes === 'number' && typeof entry.sha256 === 'string') continue;
    throw damagedCheckpoint(folder, `its ${MANIFEST_FILE} does not tell size and hash of ${name}`);
  }
  return tree as Manifest;
}

async function verifyFile(folder: string, name: CheckpointFile, expected: WrittenFile): Promise<void> {
  const path = join(folder, name);
  const bytes = await stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
  if (bytes === undefined) throw damagedCheckpoint(folder, `${name} is missing`);
  if (bytes !== expected.bytes) {
    throw damagedCheckpoint(folder, `${name} has ${bytes} bytes, ${expected.bytes} were written`);
  }
  if ((await sha256File(path)) !== expected.sha256) {
    throw damagedCheckpoint(folder, `${name} has changed since it was written (its SHA-256 differs)`);
  }
}

/** The error of a folder that is not what was once saved. */
export function damagedCheckpoint(folder: string, what: string): NonetError {
  return new NonetError('E_CHECKPOINT', `the checkpoint ${folder} is damaged: ${what}; use another checkpoint.`, {
    folder,
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
