import { encodeUtf8 } from '../codec/index.js';
import { NonetError } from '../core/errors.js';

export interface JsonlOptions {
  /** For messages only. */
  readonly path: string;
  readonly textField: string;
  /** The byte between two documents. */
  readonly separator: number;
  /** True when the first document is to be set off too. */
  readonly continues: boolean;
}

/**
 * The texts of JSONL documents as UTF-8, one `separator` byte between two of them; a piece per piece of input. Blank
 * lines are passed over.
 *
 * @throws NonetError `E_DATA` with the number of the line that does not parse or lacks the field.
 */
export async function* jsonlTexts(bytes: AsyncIterable<Uint8Array>, options: JsonlOptions): AsyncGenerator<Uint8Array> {
  const separator = Uint8Array.of(options.separator);
  let first = !options.continues;
  for await (const lines of numberedLines(bytes)) {
    const parts: Uint8Array[] = [];
    for (const { line, number } of lines) {
      const document = documentBytes(line, number, options);
      if (document === undefined) continue;
      if (!first) parts.push(separator);
      first = false;
      parts.push(document);
    }
    if (parts.length > 0) yield Buffer.concat(parts);
  }
}

interface Line {
  readonly line: Uint8Array;
  /** From 1. */
  readonly number: number;
}

/** The lines that each piece of input completes. */
async function* numberedLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Line[]> {
  let number = 0;
  let open: Uint8Array[] = [];
  for await (const piece of bytes) {
    const lines: Line[] = [];
    let start = 0;
    for (let end = piece.indexOf(0x0a); end >= 0; end = piece.indexOf(0x0a, start)) {
      number += 1;
      lines.push({ line: joined(open, piece.subarray(start, end)), number });
      open = [];
      start = end + 1;
    }
    if (start < piece.length) open.push(piece.subarray(start));
    yield lines;
  }
  if (open.length > 0) yield [{ line: joined(open), number: number + 1 }];
}

const joined = (open: Uint8Array[], rest?: Uint8Array): Uint8Array => {
  if (rest && open.length === 0) return rest;
  return Buffer.concat(rest ? [...open, rest] : open);
};

// Strict, so that a line in another encoding is an error and not a text full of replacement characters. It also drops
// the byte order mark that some tools put at the start of a file.
const decoder = new TextDecoder('utf-8', { fatal: true });

function documentBytes(line: Uint8Array, number: number, { path, textField }: JsonlOptions): Uint8Array | undefined {
  const fail = (what: string, cause?: unknown) =>
    new NonetError('E_DATA', `${path}, line ${number}: ${what}`, { path, line: number }, { cause });
  let value: unknown;
  try {
    const source = decoder.decode(line);
    if (source.trim() === '') return undefined;
    value = JSON.parse(source);
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : 'not UTF-8';
    throw fail(`not valid JSON (${reason}). Each line must be one JSON object.`, error);
  }
  if (!isObject(value)) throw fail('a JSON object is expected, as in {"text": "..."}.');
  const text = Object.hasOwn(value, textField) ? value[textField] : undefined;
  if (typeof text === 'string') {
    try {
      return encodeUtf8(text);
    } catch (error) {
      // An escape such as \ud800 is valid JSON and still no character.
      throw fail(error instanceof NonetError ? error.message : String(error), error);
    }
  }
  const known = Object.keys(value).join(', ') || 'none';
  throw fail(
    text === undefined
      ? `the field "${textField}" is missing (fields here: ${known}). Set data.textField to the one that holds the text.`
      : `the field "${textField}" is not a string.`,
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
