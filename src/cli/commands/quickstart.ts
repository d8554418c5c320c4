import type { Command } from 'commander';
import { type CliIo, colorsFor, warnOn } from '../io.js';
import { runArgument } from '../run-argument.js';

interface Options {
  readonly recipe?: string;
  readonly plain?: boolean;
}

/** `nonet quickstart`. */
export const defineQuickstart = (program: Command, io: CliIo): void => {
  program
    .command('quickstart')
    .summary('a first model on a real book, in about a minute')
    .description(
      'Trains a small model on Moby Dick for about a minute, sets its bits per byte beside those of compressors and shows ' +
        'what it writes. The run is kept as runs/quickstart; a second quickstart replaces it.',
    )
    .argument('[key=value...]', 'settings that replace those of the recipe')
    .option('--recipe <FILE>', 'another recipe than the one that comes with nonet')
    .option('--plain', 'plain lines instead of one live line')
    .addHelpText('after', '\nExample:\n  nonet quickstart')
    .action((settings: string[], options: Options) => runQuickstart(settings, options, io));
};

const runQuickstart = async (settings: readonly string[], { recipe, plain }: Options, io: CliIo): Promise<void> => {
  const { quickstart } = await import('../quickstart.js');
  const { quickstartReport } = await import('../render/quickstart.js');
  const { interruptible } = await import('../interrupt.js');
  const { terminalText } = await import('../render/terminal-text.js');
  const stream = plain ? { write: (text: string) => io.err.write(text) } : io.err;
  const say = (text: string): void => void io.err.write(`${colorsFor(io.err, io.env).dim(text)}\n`);
  const outcome = await interruptible(
    (signal) => quickstart({ recipe, settings, stream, signal, say, warn: warnOn(io) }),
    () => void io.err.write('\nfinishing the step and saving; Ctrl-C again ends at once\n'),
  );
  if (!outcome.summary) {
    io.out.write(`stopped; go on with:\n  nonet train --resume ${runArgument(outcome.runFolder)}\n`);
    return;
  }
  const sample = terminalText(new TextEncoder().encode(outcome.summary.sample));
  const report = quickstartReport({ ...outcome.summary, sample }, runArgument(outcome.runFolder), outcome.runFolder);
  io.out.write(`\n${report}`);
};
