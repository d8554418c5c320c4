import type { Command } from 'commander';
import { maxThreads } from '../../core/threads.js';
import { type CliIo, printJson, warnOn } from '../io.js';
import { wholeNumber } from '../parse.js';
import { evaluationJson, evaluationReport } from '../render/evaluation.js';
import { colouredSurprise, surpriseLegend, surpriseTable } from '../render/surprise.js';

interface Options {
  readonly data?: string;
  readonly stride?: number;
  readonly stream?: boolean;
  readonly perByte?: boolean;
  readonly attention?: string;
  readonly checkpoint?: number;
  readonly threads?: number;
  readonly root: string;
  readonly json?: boolean;
}

/** `nonet evaluate`. */
export const defineEvaluate = (program: Command, io: CliIo): void => {
  program
    .command('evaluate')
    .summary('bits per byte of a run, beside compressors')
    .description(
      'Measures the bits per byte of a run on its whole validation part, or on other data, beside gzip, bzip2, xz and zstd.',
    )
    .argument('<RUN>', 'a run (name or folder, with @best behind it its best checkpoint) or the folder of a checkpoint')
    .option('--data <PATH>', 'other data: a file, folder or pattern; all of it counts')
    .option('--stride <N>', 'overlapping windows that move on by N bytes: better figures, slower', wholeNumber(1))
    .option('--stream', 'one pass over the data, each window seeing the end of the one before; needs model.chunkSize')
    .option('--per-byte', 'show the surprise of every byte: as colours on a terminal, else as a table')
    .option(
      '--attention <FILE>',
      'write attention maps and entropies of the first window: safetensors, a map per chunk, or whole ones with model.fullAttentionLogging',
    )
    .option('--checkpoint <STEP>', 'the checkpoint of that step instead of the latest', wholeNumber(0))
    .option('--threads <N>', 'native threads', wholeNumber(1, maxThreads))
    .option('--root <FOLDER>', 'where runs lie', 'runs')
    .option(
      '--json',
      'print { bitsPerByte, parityCrossEntropy, bytes, context, stride, compressors }; stream: true for one pass; of models that halt also meanDepth and haltProbs, of those with experts { usage, hottest }',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  nonet evaluate quickstart --stride 16\n  nonet evaluate quickstart --data letter.txt --per-byte',
    )
    .action((run: string, options: Options) => runEvaluate(run, options, io));
};

const runEvaluate = async (run: string, options: Options, io: CliIo): Promise<void> => {
  const { evaluateRun } = await import('../../train/evaluate.js');
  const { setThreads } = await import('../../compile/default-executor.js');
  const { data, stride, stream, attention, perByte, checkpoint, root, json } = options;
  setThreads(options.threads);
  const counter = windowCounter(io);
  const evaluation = await evaluateRun(run, {
    data,
    stride,
    stream,
    attention,
    perByte,
    checkpoint,
    root,
    warn: warnOn(io),
    // Who looks at colours does not wait for compressors.
    compressors: !perByte || json === true,
    onProgress: counter.show,
  }).finally(counter.clear);
  if (json) return printJson(io, evaluationJson(evaluation, evaluation.perByte));
  if (evaluation.perByte && evaluation.data) {
    const asColors = io.out.isTTY === true && !io.env.NO_COLOR;
    if (asColors) io.out.write(colouredSurprise(evaluation.data, evaluation.perByte) + surpriseLegend());
    else io.out.write(surpriseTable(evaluation.data, evaluation.perByte));
    // A table for a pipe stays a table.
    if (!asColors) return;
  }
  io.out.write(evaluationReport(evaluation));
};

/** A line on the terminal that counts; nothing elsewhere. */
const windowCounter = (io: CliIo): { show(done: number, of: number): void; clear(): void } => {
  const clearLine = '\r\x1b[2K';
  return {
    show: (done, of) => {
      if (io.err.isTTY) io.err.write(`${clearLine}window ${done} of ${of}`);
    },
    clear: () => {
      if (io.err.isTTY) io.err.write(clearLine);
    },
  };
};
