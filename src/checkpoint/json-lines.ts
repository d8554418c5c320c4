import { open } from 'node:fs/promises';
import { NonetError } from '../core/errors.js';
import { fileError } from '../core/files.js';

/** A line of a file of JSON objects, one a line. */
export interface JsonLine {
  /** As it stands in the file, without its end. */
  readonly text: string;
  readonly row: Readonly<Record<string, unknown>>;
}

/**
 * The rows of such a file. A last line without its end that does not parse was being written when the process died: it
 * is left out. Empty lines are too.
 *
 * @param path for messages
 * @throws NonetError `E_DATA` for any other line that is not a JSON object, with its number.
 */
export function parseJsonLines(text: string, path: string): JsonLine[] {
  const lines = text.split('\n');
  const rows: JsonLine[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const row = parseRow(line);
    if (row) rows.push({ text: line, row });
    else if (index < lines.length - 1) {
      throw new NonetError('E_DATA', `${path}:${index + 1} is not a JSON object: remove or repair that line.`, {
        path,
        line: index + 1,
      });
    }
  }
  return rows;
}

/** What looks back this far sees the last evaluations between all the rows of steps. */
const TAIL_BYTES = 1 << 20;

/**
 * The last value of every key in the rows at the end of such a file, in no time however long the file is. Empty when
 * there is no such file; lines that do not parse do not count.
 */
export async function lastValues(path: string): Promise<Record<string, unknown>> {
  const tail = await readTail(path);
  return Object.assign({}, ...tail.split('\n').map(parseRow)) as Record<string, unknown>;
}

async function readTail(path: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const start = Math.max(0, size - TAIL_BYTES);
      const { bytesRead, buffer } = await file.read(new Uint8Array(size - start), 0, size - start, start);
      return new TextDecoder().decode(buffer.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw fileError(error, 'read', path);
  }
}

function parseRow(line: string): Record<string, unknown> | undefined {
  try {
    const row: unknown = JSON.parse(line);
    return typeof row === 'object' && row !== null && !Array.isArray(row)
      ? (row as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
