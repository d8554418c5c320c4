import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { parseJsonLines } from '../checkpoint/json-lines.js';
import { NonetError } from '../core/errors.js';
import { fileError, fileExists, readText, writeFileAtomic } from '../core/files.js';

/** A row of `metrics.jsonl`: what was measured at a step. A number that is not finite is stored as null. */
export interface MetricsRow {
  readonly step: number;
  readonly [metric: string]: unknown;
}

export interface MetricsWriter {
  /**
   * Appends a row. When the call returns, the system has the row, and it survives the end of this process.
   * @throws NonetError `E_FILE`, for example when the disk is full.
   */
  write(row: MetricsRow): void;
  /** Makes all rows survive a power cut too; to be called before a checkpoint is saved. */
  sync(): void;
  close(): void;
}

/**
 * Opens `metrics.jsonl` to append rows, one JSON object a line, and creates it where it is missing. A last line that was
 * half written when its process died is removed.
 *
 * Rows of a step belong before its checkpoint: {@link cutMetrics} keeps those up to the step from which a run goes on.
 *
 * @throws NonetError `E_FILE` when it cannot be opened.
 */
export function openMetrics(path: string): MetricsWriter {
  const descriptor = attempt('open', path, () => openSync(path, 'a+'));
  try {
    attempt('repair', path, () => endAtLine(descriptor));
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return {
    write: (row) => attempt('write', path, () => append(descriptor, `${JSON.stringify(row)}\n`)),
    sync: () => attempt('sync', path, () => fsyncSync(descriptor)),
    close: () => closeSync(descriptor),
  };
}

/**
 * The rows of `metrics.jsonl`, in the order in which they were written; none when there is no file. A last line that is
 * half written is left out.
 *
 * @throws NonetError `E_DATA` for any other line that is no row, with its number.
 */
export async function readMetrics(path: string): Promise<MetricsRow[]> {
  return (await readLines(path)).map(({ row }) => row);
}

/** Removes the rows beyond `step`, in one move: a run that goes on from there writes them again. */
export async function cutMetrics(path: string, step: number): Promise<void> {
  if (!(await fileExists(path))) return;
  const kept = (await readLines(path)).filter(({ row }) => row.step <= step);
  await writeFileAtomic(path, kept.map(({ text }) => `${text}\n`).join(''));
}

async function readLines(path: string): Promise<{ text: string; row: MetricsRow }[]> {
  if (!(await fileExists(path))) return [];
  return parseJsonLines(await readText(path), path).map(({ text, row }) => {
    if (typeof row.step === 'number') return { text, row: { ...row, step: row.step } };
    throw new NonetError('E_DATA', `${path} holds a row without a step: ${text.slice(0, 60)}. Remove it.`, { path });
  });
}

function append(descriptor: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done, bytes.length - done);
}

/** Longer than any row: how far back the end of the last whole line is looked for. */
const LONGEST_ROW_BYTES = 1 << 20;

function endAtLine(descriptor: number): void {
  const { size } = fstatSync(descriptor);
  const start = Math.max(0, size - LONGEST_ROW_BYTES);
  const tail = new Uint8Array(size - start);
  const length = readSync(descriptor, tail, 0, tail.length, start);
  const end = tail.subarray(0, length).lastIndexOf(0x0a) + 1;
  if (end < length) ftruncateSync(descriptor, start + end);
}

function attempt<Result>(doing: string, path: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw fileError(error, doing, path);
  }
}
