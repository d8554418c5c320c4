import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { runInMemory, tinySettings } from '../../src/cli/test-support.js';
import type { ErrorCode } from '../../src/core/errors.js';

/** One thing that somebody may do wrong. */
export interface BadInput {
  readonly name: string;
  /** Puts the wrong thing into the working directory. */
  readonly arrange?: () => Promise<unknown>;
  readonly argv: readonly string[];
  readonly code: ErrorCode;
  /** What the message has to say. */
  readonly says: RegExp;
}

export const text = 'It was a bright cold day in April, and the clocks were striking thirteen.\n'.repeat(30);

/** A recipe of a very small model on `text.txt`, with settings that a case adds. */
export const train = (...settings: string[]): string[] => [
  'train',
  'recipe.yaml',
  'run.name=new',
  ...tinySettings,
  ...settings,
];

/** Fills an empty folder, the working directory from now on, with data, a recipe and the run `good`. */
export const buildWorld = async (folder: string): Promise<void> => {
  process.chdir(folder);
  await writeFile('text.txt', text);
  await writeFile('empty.txt', '');
  await writeFile('short.txt', 'A text of 22 bytes...\n');
  await writeFile('lines.jsonl', '{"text":"one"}\n{"text": two}\n');
  await writeFile('fields.jsonl', '{"text":"one"}\n{"body":"two"}\n');
  await writeFile('damaged.txt.gz', gzipSync(text).subarray(0, 60));
  await writeFile('damaged.txt.zst', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58, 1, 2, 3));
  await mkdir('nothing-here');
  await writeFile('recipe.yaml', 'data:\n  path: text.txt\n');
  await mustRun(train().map((word) => (word === 'run.name=new' ? 'run.name=good' : word)));
};

/** Runs what has to work for the cases to mean anything. */
export const mustRun = async (argv: readonly string[]): Promise<void> => {
  const { code, err } = await runInMemory(argv);
  if (code !== 0) throw new Error(`nonet ${argv.join(' ')} failed: ${err}`);
};

/** A copy of the run `good` under another name. */
export const copyRun = async (name: string): Promise<string> => {
  const folder = join('runs', name);
  await rm(folder, { recursive: true, force: true });
  await cp(join('runs', 'good'), folder, { recursive: true });
  await edit(join(folder, 'config.json'), (bytes) => bytes.toString().replace('"good"', JSON.stringify(name)));
  return folder;
};

/** Changes a file by its bytes. */
export const edit = async (path: string, change: (bytes: Buffer) => Uint8Array | string): Promise<void> => {
  await writeFile(path, change(await readFile(path)));
};

export const truncated = (bytes: Buffer): Uint8Array => bytes.subarray(0, bytes.length / 2);

/** The same with one bit of the byte in the middle turned over. */
export const flipped = (bytes: Buffer): Uint8Array => {
  const changed = Uint8Array.from(bytes);
  const middle = changed.length >> 1;
  changed[middle] = (changed[middle] ?? 0) ^ 0x10;
  return changed;
};

/** Makes a checkpoint's manifest fit its files again: what is wrong with them is then no damage on the way. */
export const sealCheckpoint = async (folder: string): Promise<void> => {
  const path = join(folder, 'manifest.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as {
    files: Record<string, { bytes: number; sha256: string }>;
  };
  for (const name of Object.keys(manifest.files)) {
    const bytes = await readFile(join(folder, name));
    manifest.files[name] = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  }
  await writeFile(path, JSON.stringify(manifest));
};

/** The hash of every file below a folder, prepared data left out: it is a cache. */
export const snapshot = async (folder: string): Promise<Map<string, string>> => {
  const files = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || path.split('/').includes('.data')) continue;
    files.set(
      path,
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    );
  }
  return files;
};
