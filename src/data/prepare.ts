import { readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NonetError } from '../core/errors.js';
import {
  fileError,
  fileExists,
  makeFolder,
  readText,
  syncFolder,
  temporaryName,
  writeFileAtomic,
} from '../core/files.js';
import { sha256 } from '../core/hash.js';
import { openDataset, PREPARED_VERSION, type PreparedMeta } from './dataset.js';
import type { FormatOption } from './formats.js';
import { resolveSources, type SourceFile } from './sources.js';
import { wikitextParts } from './wikitext.js';
import { type SplitRule, writePrepared } from './write-prepared.js';

export interface DataOptions {
  /** Files, folders, patterns with `*`, `**`, `?`. */
  readonly path: string | readonly string[];
  /** `auto` (default) goes by the extension. */
  readonly format?: FormatOption;
  /** The field of a JSONL line, or the feature of a TFRecord record, that holds the text; default `text`. */
  readonly textField?: string;
  /** The byte between two documents of JSONL or WikiText; default 10. */
  readonly separator?: number;
  /** Sources of the validation part; without them it is the end of the stream. */
  readonly validationPath?: string | readonly string[];
  /** Share of the stream that is the validation part, 0 to below 1; default 0.1. */
  readonly validationShare?: number;
  /** What the share is counted in: bytes (default) or the characters of UTF-8 text. */
  readonly splitUnit?: 'bytes' | 'characters';
  /** Whether a TFRecord record that is damaged or cannot be read is an error (default) or left out, with a warning. */
  readonly damaged?: 'error' | 'skip';
}

export interface PreparedData {
  /** For `openDataset`. */
  readonly folder: string;
  readonly meta: PreparedMeta;
  /** What the user should know: sources left out, long repeats between the two parts. */
  readonly warnings: readonly string[];
  /** True when nothing had to be read but names, sizes and times. */
  readonly reused: boolean;
}

/** Share of repeated validation blocks from which on the user hears of it. */
const WARN_SHARE = 0.01;

/** Each failed one means that another process put a damaged folder there in the meantime: more are not to be expected. */
const MOVE_ATTEMPTS = 2;

/**
 * Streams all sources once into one file of packed bits (8 payload bits per byte, most significant first: the payload
 * bytes themselves; parity bits are made when batches are cut) in a folder below `cacheFolder` that is named by the
 * contents. The folder appears whole or not at all. A second call with unchanged sources returns at once.
 *
 * @throws NonetError `E_FILE` for sources that are missing, `E_DATA` for those that are damaged, do not parse or leave
 * a part without a byte, `E_CONFIG` for options out of range.
 */
export async function prepareData(options: DataOptions, cacheFolder: string): Promise<PreparedData> {
  const rule = splitRule(options);
  const warnings: string[] = [];
  const parts = wikitextParts(await resolveSources(options.path, options.format));
  if (parts.training.length === 0) {
    const message = 'data.path has no training part, only wiki.valid and wiki.test files: add wiki.train.raw.';
    throw new NonetError('E_DATA', message, { path: options.path });
  }
  const { validationPath } = options;
  const validation = validationPath ? await resolveSources(validationPath, options.format) : parts.validation;
  const training = withoutValidation(parts.training, validation, warnings);

  const keyFile = join(cacheFolder, `${quickKey(rule, training, validation)}.key`);
  const known = await readKnown(cacheFolder, keyFile);
  if (known) return { ...known, warnings: [...warnings, ...warningsOf(known.meta)], reused: true };

  const prepared = await prepareAnew(cacheFolder, training, validation, rule);
  await writeFileAtomic(keyFile, prepared.meta.sourceHash);
  return { ...prepared, warnings: [...warnings, ...warningsOf(prepared.meta)], reused: false };
}

function splitRule(options: DataOptions): SplitRule {
  const { validationShare = 0.1, splitUnit = 'bytes', separator = 0x0a, textField = 'text' } = options;
  if (!(validationShare >= 0 && validationShare < 1)) {
    throw new NonetError('E_CONFIG', `data.validationShare is ${validationShare}: 0 to below 1 is expected.`);
  }
  if (!Number.isInteger(separator) || separator < 0 || separator > 255) {
    throw new NonetError('E_CONFIG', `data.separator is ${separator}: a byte, 0 to 255, is expected.`);
  }
  return { validationShare, splitUnit, separator, textField, ...(options.damaged === 'skip' && { damaged: 'skip' }) };
}

function withoutValidation(training: SourceFile[], validation: SourceFile[], warnings: string[]): SourceFile[] {
  const heldOut = new Set(validation.map(({ path }) => path));
  const kept = training.filter(({ path }) => !heldOut.has(path));
  if (kept.length === 0) {
    throw new NonetError(
      'E_DATA',
      'every file of data.path is one of data.validationPath: nothing is left to train on.',
    );
  }
  const left = training.length - kept.length;
  if (left > 0) warnings.push(`${left} of data.path's files are validation files and left out of training.`);
  return kept;
}

/** Changes whenever a source or an option does, without a look into the files. */
function quickKey(rule: SplitRule, training: readonly SourceFile[], validation: readonly SourceFile[]): string {
  return sha256(JSON.stringify([PREPARED_VERSION, rule, training, validation])).slice(0, 32);
}

interface Prepared {
  readonly folder: string;
  readonly meta: PreparedMeta;
}

async function readKnown(cacheFolder: string, keyFile: string): Promise<Prepared | undefined> {
  if (!(await fileExists(keyFile))) return undefined;
  return readPrepared(folderOf(cacheFolder, (await readText(keyFile)).trim()));
}

/** The prepared folder if it is there and whole. */
async function readPrepared(folder: string): Promise<Prepared | undefined> {
  try {
    const { meta, close } = await openDataset(folder);
    close();
    return { folder, meta };
  } catch (error) {
    if (error instanceof NonetError) return undefined;
    throw error;
  }
}

const folderOf = (cacheFolder: string, sourceHash: string): string => join(cacheFolder, sourceHash.slice(0, 16));

async function prepareAnew(
  cacheFolder: string,
  training: readonly SourceFile[],
  validation: readonly SourceFile[],
  rule: SplitRule,
): Promise<Prepared> {
  const temporary = temporaryName(join(cacheFolder, 'data'));
  try {
    await makeFolder(temporary);
    await removeAbandoned(cacheFolder);
    const meta = await writePrepared(temporary, training, validation, rule);
    const folder = folderOf(cacheFolder, meta.sourceHash);
    await moveInto(temporary, folder);
    await syncFolder(cacheFolder);
    return { folder, meta };
  } catch (error) {
    throw fileError(error, 'write', cacheFolder);
  } finally {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
  }
}

/**
 * Moves a prepared folder to its final name. A whole one that is there already (the same contents from sources with other
 * times or places, or from a process that was faster) stays; a damaged one is moved away first, so that at no moment
 * half a folder stands under the name.
 */
async function moveInto(temporary: string, folder: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await rename(temporary, folder);
    } catch (error) {
      if (await readPrepared(folder)) return;
      if (attempt === MOVE_ATTEMPTS) throw error;
    }
    const damaged = temporaryName(join(dirname(folder), 'data'));
    // Where another process was faster there is nothing to move.
    await rename(folder, damaged).catch(() => undefined);
    await rm(damaged, { recursive: true, force: true });
  }
}

/** Removes what processes that were killed left behind. */
async function removeAbandoned(cacheFolder: string): Promise<void> {
  for (const name of await readdir(cacheFolder)) {
    const owner = /^data\.tmp-(\d+)-/.exec(name)?.[1];
    const path = join(cacheFolder, name);
    if (owner !== undefined && !(await isAtWork(Number(owner), path))) await rm(path, { recursive: true, force: true });
  }
}

async function isAtWork(owner: number, path: string): Promise<boolean> {
  if (owner === process.pid) {
    // In a container the killed process often had the very number that this one has.
    const began = Date.now() - process.uptime() * 1000;
    return stat(path).then(
      ({ mtimeMs }) => mtimeMs >= began,
      () => false,
    );
  }
  try {
    return process.kill(owner, 0);
  } catch (error) {
    // Another user's process runs too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Records named one by one; the rest of them is counted. */
const NAMED_RECORDS = 5;

function warningsOf(meta: PreparedMeta): string[] {
  const { damaged = [] } = meta;
  const more = damaged.length - NAMED_RECORDS;
  return [
    ...damaged.slice(0, NAMED_RECORDS).map((what) => `left out: ${what}.`),
    ...(more > 0 ? [`left out: ${more} more records.`] : []),
    ...duplicateWarnings(meta),
  ];
}

function duplicateWarnings({ duplicates }: PreparedMeta): string[] {
  const { blocks, found, blockBytes } = duplicates;
  if (found === 0 || found < blocks * WARN_SHARE) return [];
  const share = ((100 * found) / blocks).toFixed(1);
  return [
    `${share}% of the validation part (${found} of ${blocks} blocks of ${blockBytes} bytes) also stands in the training ` +
      'part: its bits per byte will look better than they are.',
  ];
}
