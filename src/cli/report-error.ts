import { CommanderError } from 'commander';
import { NonetError } from '../core/errors.js';
import { type CliIo, colorsFor } from './io.js';

export interface ReportOptions {
  /** Write an object with the code instead of a line for people. */
  readonly json: boolean;
  /** The command whose help tells how it is done; undefined where none was recognised. */
  readonly command?: string;
}

/** 2 where the command line or the configuration is wrong, 1 for everything that failed while working. */
export const exitCodeOf = (error: unknown): 1 | 2 =>
  error instanceof NonetError && (error.code === 'E_USAGE' || error.code === 'E_CONFIG') ? 2 : 1;

/**
 * Writes what went wrong, without a stack trace unless `NONET_DEBUG=1` asks for it, and returns the exit code.
 */
export const reportError = (thrown: unknown, io: CliIo, { json, command }: ReportOptions): number => {
  if (thrown instanceof CommanderError && isHelp(thrown)) return thrown.exitCode === 0 ? 0 : 2;
  const error = thrown instanceof CommanderError ? fromCommander(thrown, command) : thrown;
  if (json) io.err.write(`${JSON.stringify({ error: { code: codeOf(error), message: messageOf(error) } })}\n`);
  else io.err.write(`${colorsFor(io.err, io.env).red('error:')} ${messageOf(error)}\n`);
  if (io.env.NONET_DEBUG === '1' && error instanceof Error) io.err.write(`${error.stack}\n`);
  return exitCodeOf(error);
};

/** Help and version end the parsing by an error too; their text is written already. */
const isHelp = ({ code }: CommanderError): boolean =>
  code === 'commander.help' || code === 'commander.helpDisplayed' || code === 'commander.version';

const fromCommander = ({ message }: CommanderError, command: string | undefined): NonetError => {
  const problem = message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '');
  const help = command === undefined ? 'nonet --help' : `nonet ${command} --help`;
  return new NonetError('E_USAGE', `${problem}. See "${help}".`);
};

const codeOf = (error: unknown): string => (error instanceof NonetError ? error.code : 'E_INTERNAL');

const messageOf = (error: unknown): string => {
  if (error instanceof NonetError) return onOneLine(error.message);
  const message = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  return `nonet failed in a way that it did not foresee: ${message}. NONET_DEBUG=1 shows where.`;
};

/** A list of one problem needs no line of its own. */
const onOneLine = (message: string): string => {
  const lines = message.trimEnd().split('\n');
  return lines.length === 2 ? lines.map((line) => line.trim()).join(' ') : lines.join('\n');
};
