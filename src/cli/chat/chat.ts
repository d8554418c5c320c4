import { NonetError } from '../../core/errors.js';
import type { GeneratedRow } from '../../generate/index.js';
import { type CliInput, type CliIo, colorsFor, warnOn } from '../io.js';
import { terminalDecoder } from '../render/terminal-text.js';
import type { Conversation } from './conversation.js';
import { openLines } from './lines.js';
import { type ChatSettings, chatCommand } from './settings.js';

/**
 * Reads lines until the end of the input or /quit, and lets the conversation answer each. Answers go to standard output,
 * all else to standard error. What cannot be served is told, and the next line is asked for.
 */
export const chat = async (
  conversation: Conversation,
  settings: ChatSettings,
  io: CliIo & { readonly in: CliInput },
): Promise<void> => {
  const isTerminal = io.in.isTTY === true;
  const say = (text: string): void => void io.err.write(colorsFor(io.err, io.env).dim(text));
  const problem = (text: string): void => void io.err.write(`${colorsFor(io.err, io.env).red('error:')} ${text}\n`);
  let answering: AbortController | undefined;
  const lines = openLines({
    input: io.in,
    output: io.err,
    onInterrupt: () => {
      if (answering) return answering.abort();
      if (!isTerminal) return lines.close();
      say('\n/quit or Ctrl-D ends.');
      lines.clear();
    },
  });
  // Told once: from then on it is so with every answer.
  const told = new Set<string>();
  const notice = (text: string): void => {
    if (!told.has(text)) warnOn(io)(text);
    told.add(text);
  };
  const answer = async (line: string): Promise<void> => {
    answering = new AbortController();
    const writer = answerWriter(io);
    const notices: string[] = [];
    try {
      const options = {
        onBytes: writer.push,
        onNotice: (text: string) => void notices.push(text),
        signal: answering.signal,
      };
      const { rows } = await conversation.answer(line, settings, options);
      writer.finish();
      notices.push(...rows.flatMap(unseen));
    } catch (error) {
      if (!(error instanceof NonetError)) throw error;
      problem(error.message);
    } finally {
      answering = undefined;
    }
    notices.forEach(notice);
  };

  try {
    for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
      if (!line.startsWith('/') || line.startsWith('//')) {
        await answer(line.replace(/^\/\//, '/'));
        continue;
      }
      const request = chatCommand(line, settings);
      if (request.kind === 'quit') break;
      if (request.kind === 'reset') {
        conversation.reset();
        say('forgotten: the next line is the first one\n');
      } else if (request.kind === 'say') say(request.text);
      else problem(request.text);
    }
  } finally {
    lines.close();
    if (isTerminal) io.err.write('\n');
  }
};

/** Why an answer cannot be seen, so that nobody takes it for a fault. */
const unseen = ({ bytes, stopReason }: GeneratedRow): string[] => {
  if (stopReason === 'aborted' || /[^\s\p{C}]/u.test(new TextDecoder().decode(bytes))) return [];
  if (bytes.length === 0) return ['the answer is empty: the text that ends it came at once'];
  return ['the answer is nothing but white space and control characters: the model may have learnt too little yet'];
};

/** Shows an answer as it comes: exactly its bytes, on a terminal as text that cannot steer it. It ends with its line. */
const answerWriter = (io: CliIo): { push(bytes: Uint8Array): void; finish(): void } => {
  const decoder = terminalDecoder();
  let last: number | undefined;
  return {
    push: (bytes) => {
      last = bytes.at(-1);
      io.out.write(io.out.isTTY ? decoder.push(bytes) : bytes);
    },
    finish: () => {
      if (io.out.isTTY) io.out.write(decoder.end());
      if (last !== 0x0a) io.out.write('\n');
    },
  };
};
