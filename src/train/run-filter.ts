import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** A program that reads standard input and writes standard output. */
export interface Command {
  /** For messages. */
  readonly name: string;
  readonly tool: string;
  readonly args: readonly string[];
}

/** How much came out, or what the program said when it failed; nothing when it is not installed. */
export type FilterResult = { readonly bytes: number } | { readonly failure?: string };

/** Defaults that users set for themselves would change the figures. */
const OPTION_VARIABLES = ['GZIP', 'XZ_OPT', 'XZ_DEFAULTS', 'BZIP', 'BZIP2', 'ZSTD_CLEVEL', 'ZSTD_NBTHREADS'];

/** Runs bytes through a program, without a shell or files, and counts what comes out. */
export async function outputBytes(
  { tool, args }: Command,
  input: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<FilterResult> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OPTION_VARIABLES.includes(name)));
  const child = spawn(tool, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let bytes = 0;
  let said = '';
  child.stdout.on('data', (piece: Uint8Array) => {
    bytes += piece.length;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-LONGEST_MESSAGE);
  });
  const ended = new Promise<FilterResult>((resolve) => {
    child.on('error', (error) => resolve(isMissing(error) ? {} : { failure: error.message }));
    child.on('close', (code, signal) => {
      if (code === 0) resolve({ bytes });
      else resolve({ failure: lastLine(said) || (signal ? `ended by ${signal}` : `exit code ${code}`) });
    });
  });
  // The input may be long or dear to make: none of it is drawn for a program that is not there.
  const started = await new Promise<boolean>((resolve) => {
    child.once('spawn', () => resolve(true)).once('error', () => resolve(false));
  });
  if (!started) return ended;
  // A program that ends early breaks the pipe: how it ended tells more than that.
  const fed = pipeline(Readable.from(input), child.stdin).then(
    () => undefined,
    (error: unknown) => (isBrokenPipe(error) ? undefined : error),
  );
  const [result, error] = await Promise.all([ended, fed]);
  if (error !== undefined) throw error;
  return result;
}

const LONGEST_MESSAGE = 2000;

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? '';

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

/** Not there, or there but not to be run. */
const isMissing = (error: unknown): boolean => ['ENOENT', 'EACCES'].includes(String(codeOf(error)));

const isBrokenPipe = (error: unknown): boolean =>
  ['EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED'].includes(String(codeOf(error)));
