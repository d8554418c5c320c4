import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { NonetError } from '../core/errors.js';
import { fileError } from '../core/files.js';
import { debugSource } from './debug-source.js';
import { jsonlTexts } from './jsonl.js';
import type { SourceFile } from './sources.js';
import { recordBytes } from './tfrecord/records.js';
import { wikitextArticles } from './wikitext.js';
import { decompressZstd } from './zstd.js';

export interface ReadOptions {
  /** The field of a JSONL line, or the feature of a TFRecord record, that holds the text; default `text`. */
  readonly textField?: string;
  /** The byte between two documents of JSONL or WikiText; default 10, a line feed. */
  readonly separator?: number;
  /** True when other bytes precede this file in the stream, so that its first JSONL document is set off too. */
  readonly continues?: boolean;
  /** Called for each TFRecord record that is damaged or cannot be read, which is then left out; without it the first one is an error. */
  readonly onDamaged?: (what: string) => void;
}

/** Bytes read at a time; with the decompressor's window, all that is held of a file. */
const PIECE_BYTES = 1 << 18;

/**
 * The payload bytes of a source file in pieces: decompressed, of JSONL the texts of its documents as UTF-8, of WikiText
 * its articles, with one separator byte between them, of TFRecord the bytes of its records one behind the other. Memory
 * stays bounded whatever the file's size (a JSONL line, a record must fit).
 *
 * @throws NonetError `E_FILE` when it cannot be read, `E_DATA` when it is damaged or a line is not what it should be.
 */
export function readSource(file: SourceFile, options: ReadOptions = {}): AsyncGenerator<Uint8Array> {
  const bytes = decompressed(file);
  const { path, size } = file;
  const { textField = 'text', separator = 0x0a, continues = false, onDamaged } = options;
  switch (file.format) {
    case 'bytes':
      return bytes;
    case 'jsonl':
      return jsonlTexts(bytes, { path, textField, separator, continues });
    case 'tfrecord':
      return recordBytes(bytes, { path, feature: textField, onDamaged });
    case 'wikitext':
      return wikitextArticles(bytes, { separator, continues });
    case 'debug':
      return debugSource(size);
  }
}

async function* decompressed(file: SourceFile): AsyncGenerator<Uint8Array> {
  const raw = createReadStream(file.path, { highWaterMark: PIECE_BYTES });
  try {
    if (file.compression === 'zstd') yield* decompressZstd(raw);
    // The callback has nothing to do: `pipeline` destroys both ends with the error, and the loop throws it.
    else if (file.compression === 'gzip') yield* pipeline(raw, createGunzip({ chunkSize: PIECE_BYTES }), () => {});
    else yield* raw;
  } catch (error) {
    throw readError(error, file);
  } finally {
    raw.destroy();
  }
}

function readError(error: unknown, file: SourceFile): NonetError {
  const reason = error instanceof Error ? error.message : String(error);
  const isSystemError = error instanceof Error && 'syscall' in error;
  if (error instanceof NonetError || isSystemError || file.compression === 'none') {
    return fileError(error, 'read', file.path);
  }
  const message = `${file.path} is damaged or no ${file.compression} file (${reason}): compress or download it anew.`;
  return new NonetError('E_DATA', message, { path: file.path }, { cause: error });
}
