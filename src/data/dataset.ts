import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { z as Z } from 'zod';
import { NonetError } from '../core/errors.js';
import { fileExists, readJson } from '../core/files.js';
import { lazily, zod } from '../core/libraries.js';
import { type ByteStore, fileStore, memoryStore, sliceStore } from './byte-store.js';

/** Raised when the layout of a prepared folder changes: what was prepared before is then prepared anew. */
export const PREPARED_VERSION = 1;

/** Longer files are read in pages: what is touched of a mapping counts as memory of the process. */
const LARGEST_MAPPING = 2 ** 28;

export const DATA_FILE = 'data.bin';
export const META_FILE = 'meta.json';

const metaSchema = lazily(() => {
  const { z } = zod();
  const count = z.number().int().nonnegative();

  return z.object({
    version: z.literal(PREPARED_VERSION),
    /** SHA-256 over the options that shape the data, the names, sizes and contents of the sources. */
    sourceHash: z.string().regex(/^[0-9a-f]{64}$/),
    bytes: count,
    trainBytes: count,
    validationBytes: count,
    /** The sources in the order of the stream, with the payload bytes that each gave. */
    files: z.array(z.object({ name: z.string(), bytes: count })),
    /** What was wrong with records that were left out. */
    damaged: z.array(z.string()).optional(),
    /** Blocks of the validation part in all, and those that the training part holds too. */
    duplicates: z.object({ blockBytes: count, blocks: count, found: count }),
  });
});

/** What `meta.json` says of a prepared folder. */
export type PreparedMeta = Z.infer<ReturnType<typeof metaSchema>>;

export interface Dataset {
  readonly trainBytes: ByteStore;
  readonly validationBytes: ByteStore;
  readonly meta: PreparedMeta;
  /** Releases the file; the stores must not be read afterwards. */
  close(): void;
}

export interface OpenOptions {
  /** Maps a file of up to 256 MiB into memory, where the native core can; else the file is read in pages. */
  readonly mapFile?: (path: string) => ArrayBuffer;
}

/**
 * Opens what `prepareData` wrote.
 * @throws NonetError `E_FILE` when it is not there, `E_DATA` when it is damaged or of another version.
 */
export async function openDataset(folder: string, { mapFile }: OpenOptions = {}): Promise<Dataset> {
  const meta = await readMeta(folder);
  const path = join(folder, DATA_FILE);
  // An empty file cannot be mapped.
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const file =
    mapFile && size > 0 && size <= LARGEST_MAPPING
      ? { ...memoryStore(new Uint8Array(mapFile(path))), close() {} }
      : fileStore(path);
  if (file.length !== meta.bytes || meta.trainBytes + meta.validationBytes !== meta.bytes) {
    file.close();
    throw damaged(folder, `${DATA_FILE} has ${file.length} bytes, ${META_FILE} speaks of ${meta.bytes}`);
  }
  return {
    trainBytes: sliceStore(file, 0, meta.trainBytes),
    validationBytes: sliceStore(file, meta.trainBytes, meta.validationBytes),
    meta,
    close: file.close,
  };
}

async function readMeta(folder: string): Promise<PreparedMeta> {
  const path = join(folder, META_FILE);
  if (!(await fileExists(path))) {
    throw new NonetError('E_FILE', `${folder} holds no prepared data (${META_FILE} is missing).`, { path });
  }
  const result = metaSchema().safeParse(await readJson(path));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw damaged(folder, `${META_FILE}: ${issue?.path.join('.')}: ${issue?.message}`);
}

const damaged = (folder: string, what: string): NonetError =>
  new NonetError(
    'E_DATA',
    `the prepared data is damaged or of another version: ${what}. Delete ${folder} to prepare it anew.`,
    {
      path: folder,
    },
  );
