import { firstInvalidUtf8 } from '../codec/index.js';
import { NonetError } from '../core/errors.js';
import type { DataKind } from '../data/formats.js';
import { readSource } from '../data/read-source.js';
import { resolveSources, type SourceFile } from '../data/sources.js';

/** What a look at the beginning of some data tells about it. */
export interface DataFacts {
  readonly kind: DataKind;
  readonly files: number;
  /** Payload bytes; an estimate where files are compressed. */
  readonly bytes: number;
  /** JSONL only: the field that holds the text. */
  readonly textField?: string;
}

const sampleBytes = 1 << 16;
/** What compressed text usually expands to. */
const usualExpansion = 3;
/** Names under which texts are usually found, the likeliest first. */
const usualFields = ['text', 'content', 'body'];

/**
 * Looks at a file, a folder or a pattern. Throws `E_FILE` where there is nothing to read, `E_DATA` for an empty or
 * damaged file, or a JSONL line without a text.
 */
export const inspectData = async (path: string): Promise<DataFacts> => {
  const sources = await resolveSources(path);
  const first = sources.find(({ size }) => size > 0);
  if (!first) throw new NonetError('E_DATA', `${path} is empty: there is nothing to learn from.`, { path });
  const sample = await beginningOf(first);
  const bytes = sources.reduce(
    (sum, { size, compression }) => sum + size * (compression === 'none' ? 1 : usualExpansion),
    0,
  );
  const measured = { files: sources.length, bytes };
  const row = first.format === 'jsonl' || startsLikeJsonLines(sample) ? firstRow(sample, first) : undefined;
  if (row) return { kind: 'jsonl', ...measured, textField: textFieldOf(row, first) };
  if (first.format === 'tfrecord' || first.format === 'wikitext') return { kind: first.format, ...measured };
  return { kind: isText(sample) ? 'text' : 'binary', ...measured };
};

/** The first bytes, decompressed; lines of JSON are not parsed. */
const beginningOf = async (source: SourceFile): Promise<Uint8Array> => {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of readSource(source.format === 'jsonl' ? { ...source, format: 'bytes' } : source)) {
    pieces.push(piece.slice());
    length += piece.length;
    if (length >= sampleBytes) break;
  }
  return Uint8Array.from(Buffer.concat(pieces).subarray(0, sampleBytes));
};

const startsLikeJsonLines = (sample: Uint8Array): boolean => {
  const lines = new TextDecoder().decode(sample).split('\n').slice(0, -1);
  return lines.length >= 2 && lines.slice(0, 5).every((line) => line.trim() === '' || parseObject(line) !== undefined);
};

const firstRow = (sample: Uint8Array, { path }: SourceFile): Record<string, unknown> => {
  const lines = new TextDecoder().decode(sample).split('\n');
  const line = lines.find((text) => text.trim() !== '') ?? '';
  // A line longer than the sample cannot be looked into; "text" is the usual name.
  if (lines.length === 1 && sample.length === sampleBytes) return { text: '' };
  const row = parseObject(line);
  if (row) return row;
  throw new NonetError('E_DATA', `${path}:1 is not a JSON object: a JSONL file has one on every line.`, {
    path,
    line: 1,
  });
};

const textFieldOf = (row: Record<string, unknown>, { path }: SourceFile): string => {
  const texts = Object.entries(row).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  const usual = usualFields.find((name) => texts.some(([key]) => key === name));
  const longest = [...texts].sort(([, a], [, b]) => b.length - a.length)[0]?.[0];
  const field = usual ?? longest;
  if (field !== undefined) return field;
  const message = `${path}:1 has no field that holds text, only ${Object.keys(row).join(', ') || 'none at all'}.`;
  throw new NonetError('E_DATA', message, { path });
};

const parseObject = (line: string): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
};

/** Valid UTF-8 without the control characters that no text has; the last character may be cut off. */
const isText = (sample: Uint8Array): boolean => {
  const invalid = firstInvalidUtf8(sample);
  const isCut = invalid >= sample.length - 3;
  return (
    (invalid < 0 || isCut) &&
    !sample.some((byte) => byte < 0x20 && ![0x08, 0x09, 0x0a, 0x0c, 0x0d, 0x1b].includes(byte))
  );
};
