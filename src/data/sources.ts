import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve, sep } from 'node:path';
import { NonetError } from '../core/errors.js';
import { fileError } from '../core/files.js';
import { debugBytes } from './debug-source.js';
import type { FormatOption } from './formats.js';
import { isGlob, matchGlob, splitGlob } from './glob.js';

/**
 * How a file's bytes become text: taken as they are, one JSON object a line, records of a TFRecord file, articles of
 * WikiText; `debug` has no file.
 */
export type SourceFormat = 'bytes' | 'jsonl' | 'tfrecord' | 'wikitext' | 'debug';

export type Compression = 'none' | 'gzip' | 'zstd';

export interface SourceFile {
  readonly path: string;
  /** The path below the folder or pattern that named it: the same on every machine. */
  readonly name: string;
  /** Bytes on disk, compressed. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
  readonly format: SourceFormat;
  readonly compression: Compression;
}

/**
 * The files that `path` names: a file, a folder (all files below it), a pattern with `*`, `**`, `?`, or a list of
 * those; `debug:BYTES` is data without a file. Entries keep the order of the list, files inside an entry are sorted by name, and a file that several entries
 * name counts once. Names that start with a dot are passed over unless written out.
 *
 * @throws NonetError `E_FILE` when an entry is missing or names no file.
 */
export async function resolveSources(
  path: string | readonly string[],
  format: FormatOption = 'auto',
): Promise<SourceFile[]> {
  const entries = typeof path === 'string' ? [path] : path;
  if (entries.length === 0) {
    throw new NonetError('E_FILE', 'data.path is an empty list: name at least one file, folder or pattern.');
  }
  const files = new Map<string, SourceFile>();
  for (const entry of entries) {
    for (const file of await resolveEntry(entry, format)) {
      if (!files.has(file.path)) files.set(file.path, file);
    }
  }
  return [...files.values()];
}

async function resolveEntry(entry: string, format: FormatOption): Promise<SourceFile[]> {
  const bytes = debugBytes(entry);
  if (bytes !== undefined) {
    return [{ path: entry, name: entry, size: bytes, modified: 0, format: 'debug', compression: 'none' }];
  }
  // A file whose very name has a wildcard in it is itself, not a pattern.
  const facts = await stat(entry).catch((error: unknown) => {
    if (isGlob(entry)) return undefined;
    throw fileError(error, 'read', entry);
  });
  if (facts?.isDirectory()) return someOf(entry, await listFolder(entry, format));
  if (facts) return [sourceFile(resolve(entry), basename(entry), facts, format)];
  const { base, rest } = splitGlob(entry.split(sep).join('/'));
  const matches = matchGlob(rest);
  const hidden = rest.split('/').some((name) => name.startsWith('.'));
  return someOf(entry, await listFolder(base, format, { matches, hidden }));
}

function someOf(entry: string, files: SourceFile[]): SourceFile[] {
  if (files.length > 0) return files;
  throw new NonetError('E_FILE', `${entry} names no file: check the path or the pattern.`, { path: entry });
}

interface Filter {
  readonly matches: (name: string) => boolean;
  readonly hidden: boolean;
}

const everything: Filter = { matches: () => true, hidden: false };

async function listFolder(folder: string, format: FormatOption, filter: Filter = everything): Promise<SourceFile[]> {
  const found: SourceFile[] = [];
  const walk = async (below: string): Promise<void> => {
    for (const item of await entriesOf(join(folder, below))) {
      if (item.name.startsWith('.') && !filter.hidden) continue;
      const name = below === '' ? item.name : `${below}/${item.name}`;
      const path = resolve(folder, name);
      if (item.isDirectory()) await walk(name);
      else if (filter.matches(name)) {
        const facts = await stat(path).catch((error: unknown) => {
          throw fileError(error, 'read', path);
        });
        // A link may lead to a folder (not followed: it could lead in a circle), a socket or a device.
        if (facts.isFile()) found.push(sourceFile(path, name, facts, format));
      }
    }
  };
  await walk('');
  return found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw fileError(error, 'read', folder);
  }
}

const COMPRESSIONS: Readonly<Record<string, Compression>> = { '.gz': 'gzip', '.zst': 'zstd' };

function sourceFile(
  path: string,
  name: string,
  facts: { size: number; mtimeMs: number },
  option: FormatOption,
): SourceFile {
  const suffix = /\.(gz|zst)$/.exec(name.toLowerCase())?.[0] ?? '';
  const plain = name.toLowerCase().slice(0, name.length - suffix.length);
  return {
    path,
    name,
    size: facts.size,
    modified: facts.mtimeMs,
    format: option === 'auto' ? formatByName(plain) : option === 'text' || option === 'binary' ? 'bytes' : option,
    compression: COMPRESSIONS[suffix] ?? 'none',
  };
}

const formatByName = (name: string): SourceFormat => {
  if (/\.(jsonl|ndjson)$/.test(name)) return 'jsonl';
  if (/\.tfrecords?$/.test(name)) return 'tfrecord';
  return /(^|\/)wiki\.(train|valid|test)\.(raw|tokens)$/.test(name) ? 'wikitext' : 'bytes';
};
