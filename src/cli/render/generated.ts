import { type CliIo, colorsFor } from '../io.js';
import { terminalDecoder, terminalText } from './terminal-text.js';

/** One text that was generated; part of what `generate` returns. */
export interface GeneratedRow {
  readonly bytes: Uint8Array;
  readonly stopReason: string;
  readonly stop?: string;
  readonly parityErrors: number;
}

/** Writes texts while they come into being. */
export interface GeneratedWriter {
  /** More bytes of a row; for `onBytes`. */
  push(row: number, bytes: Uint8Array): void;
  /** Writes what has waited, and ends the last line of a terminal. */
  finish(): void;
}

/**
 * A single text goes out as exactly its bytes, or on a terminal as text behind the dimmed prompt. Of several prompts the
 * first text is shown while it grows and the others follow at the end, each below a line with its prompt.
 */
export const generatedWriter = (io: CliIo, prompts: readonly Uint8Array[]): GeneratedWriter => {
  const isTerminal = io.out.isTTY === true;
  const colors = colorsFor(io.out, io.env);
  const waiting: Uint8Array[][] = prompts.map(() => []);
  const decoder = terminalDecoder();
  const isBatch = prompts.length > 1;

  const begin = (row: number): void => {
    const prompt = prompts[row] ?? new Uint8Array();
    if (isBatch) io.out.write(`${row > 0 ? '\n' : ''}${colors.bold(rowTitle(row, prompt))}\n`);
    else if (isTerminal && prompt.length > 0) io.out.write(colors.dim(terminalText(prompt)));
  };
  begin(0);
  return {
    push(row, bytes) {
      if (row > 0) waiting[row]?.push(bytes.slice());
      else io.out.write(isTerminal ? decoder.push(bytes) : bytes);
    },
    finish() {
      if (isTerminal) io.out.write(`${decoder.end()}\n`);
      else if (isBatch) io.out.write('\n');
      for (let row = 1; row < prompts.length; row++) {
        begin(row);
        const bytes = Buffer.concat(waiting[row] ?? []);
        io.out.write(isTerminal ? terminalText(bytes) : Uint8Array.from(bytes));
        io.out.write('\n');
      }
    },
  };
};

/** All texts of one call, with what `generate` tells of it. */
export interface GeneratedTexts {
  readonly rows: readonly GeneratedRow[];
  readonly bytesPerSecond: number;
  readonly slid: boolean;
  /** Of models that halt. */
  readonly meanDepth?: number;
}

/** Texts for programs: `hex` has the exact bytes, `text` shows ill-formed ones as replacement characters. */
export const generatedJson = (
  prompts: readonly Uint8Array[],
  { rows, bytesPerSecond, slid, meanDepth }: GeneratedTexts,
): unknown => ({
  rows: rows.map(({ bytes, stopReason, stop, parityErrors }, row) => ({
    prompt: decoded(prompts[row] ?? new Uint8Array()),
    text: decoded(bytes),
    hex: Buffer.from(bytes).toString('hex'),
    stopReason,
    ...(stop === undefined ? {} : { stop }),
    parityErrors,
  })),
  bytesPerSecond,
  slid,
  ...(meanDepth !== undefined && { meanDepth }),
});

const longestTitle = 60;

/** `== 1: "Call me"`. */
const rowTitle = (row: number, prompt: Uint8Array): string => {
  const text = decoded(prompt);
  const shown = text.length > longestTitle ? `...${text.slice(-longestTitle)}` : text;
  return `== ${row + 1}: ${JSON.stringify(shown)}`;
};

const decoded = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
