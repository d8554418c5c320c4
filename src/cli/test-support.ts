import { Readable } from 'node:stream';
import type { CliIo } from './io.js';
import { runCli } from './run-cli.js';

/** What a command line wrote and how it ended. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Standard output as bytes. */
  readonly bytes: Uint8Array;
}

export interface MemoryIoOptions {
  readonly terminal?: boolean;
  readonly columns?: number;
  readonly env?: CliIo['env'];
  /** What comes from a pipe. */
  readonly input?: string;
}

/** An output that keeps everything. */
export const memoryIo = ({ terminal = false, columns = 80, env = {}, input = '' }: MemoryIoOptions = {}) => {
  const written: { out: Buffer[]; err: Buffer[] } = { out: [], err: [] };
  const output = (name: 'out' | 'err') => ({
    isTTY: terminal,
    columns,
    write: (data: string | Uint8Array) => written[name].push(Buffer.from(data)),
  });
  const io: CliIo = { out: output('out'), err: output('err'), env, in: Readable.from([input]) };
  return {
    io,
    bytes: (): Uint8Array => Uint8Array.from(Buffer.concat(written.out)),
    out: (): string => Buffer.concat(written.out).toString(),
    err: (): string => Buffer.concat(written.err).toString(),
  };
};

/** Runs a command line in this process. */
export const runInMemory = async (argv: readonly string[], options?: MemoryIoOptions): Promise<Outcome> => {
  const { io, out, err, bytes } = memoryIo(options);
  const code = await runCli(argv, io);
  return { code, out: out(), err: err(), bytes: bytes() };
};

/** Settings of a model so small that it trains in no time. */
export const tinySettings: readonly string[] = [
  'model.layers=1',
  'model.dModel=16',
  'model.heads=2',
  'model.feedForward=16',
  'model.contextLength=16',
  'train.batchSize=2',
  'train.steps=2',
  'train.warmupSteps=1',
];
