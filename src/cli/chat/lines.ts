import { createInterface } from 'node:readline';
import type { CliInput, CliOutput } from '../io.js';

/** Lines that somebody types or that a pipe brings, one at a time. */
export interface Lines {
  /** Asks for a line; undefined at the end of the input. */
  next(): Promise<string | undefined>;
  /** What is being typed is thrown away, and a new line is asked for. */
  clear(): void;
  close(): void;
}

export interface LinesOptions {
  readonly input: CliInput;
  /** Where a terminal shows what is typed. */
  readonly output: CliOutput;
  /** At Ctrl-C, from the terminal's keyboard or as a signal. */
  readonly onInterrupt: () => void;
}

/**
 * With editing and history on a terminal, plainly elsewhere. Lines that come while nobody asks wait, so that a pasted text
 * loses none.
 */
export const openLines = ({ input, output, onInterrupt }: LinesOptions): Lines => {
  const isTerminal = input.isTTY === true;
  const reader = createInterface({
    input,
    ...(isTerminal && { output: output as unknown as NodeJS.WritableStream }),
    terminal: isTerminal,
    prompt: '> ',
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  const waiting: string[] = [];
  let ended = false;
  let take: ((line: string | undefined) => void) | undefined;
  const give = (line: string | undefined): void => {
    const taker = take;
    take = undefined;
    if (taker) taker(line);
    else if (line !== undefined) waiting.push(line);
  };
  reader.on('line', give);
  reader.on('close', () => {
    ended = true;
    give(undefined);
  });
  // In raw mode the terminal tells Ctrl-C to the reader, else it comes as a signal.
  reader.on('SIGINT', onInterrupt);
  process.on('SIGINT', onInterrupt);

  return {
    next: () => {
      if (waiting.length > 0) return Promise.resolve(waiting.shift());
      if (ended) return Promise.resolve(undefined);
      if (isTerminal) reader.prompt();
      return new Promise((resolve) => {
        take = resolve;
      });
    },
    clear: () => {
      if (!isTerminal) return;
      output.write('\n');
      reader.write(null, { ctrl: true, name: 'e' });
      reader.write(null, { ctrl: true, name: 'u' });
      reader.prompt();
    },
    close: () => {
      process.removeListener('SIGINT', onInterrupt);
      reader.close();
    },
  };
};
