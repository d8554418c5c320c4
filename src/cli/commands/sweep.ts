import { join } from 'node:path';
import type { Command } from 'commander';
import { NonetError } from '../../core/errors.js';
import { interruptible } from '../interrupt.js';
import { type CliIo, printJson, warnOn, widthOf } from '../io.js';
import { wholeNumber } from '../parse.js';
import { keyList } from '../render/config.js';
import { sweepReport } from '../render/sweep.js';
import { quoted, runArgument } from '../run-argument.js';

interface Options {
  readonly trials?: number;
  readonly root?: string;
  readonly plain?: boolean;
  readonly keys?: boolean;
  readonly json?: boolean;
}

/** `nonet sweep`. */
export const defineSweep = (program: Command, io: CliIo): void => {
  program
    .command('sweep')
    .summary('train a recipe with many settings, and see which are best')
    .description(
      'Trains the trials that a file describes: a recipe, and for some of its keys what to try. Each is a run of its own, ' +
        'NAME-001 and so on. Ctrl-C finishes the step and saves; the same command goes on from there.',
    )
    .argument('[FILE]', 'what to try (.yaml or .json)')
    .argument('[key=value...]', 'settings of the recipe, for all trials')
    .option('--trials <N>', 'trials in all; may be raised later', wholeNumber(1))
    .option('--root <FOLDER>', 'where the sweep and its runs lie; default: that of the file, runs')
    .option('--plain', 'plain lines instead of one live line')
    .option('--keys', 'list the keys of such a file')
    .option(
      '--json',
      'print { sweepFolder, tablePath, trials: [{ number, run, settings, status, value, seconds }], best, interrupted }',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  nonet sweep sweep.yaml\n  nonet sweep sweep.yaml --trials 50 train.steps=300\n\n' +
        'A file:\n  recipe: book.yaml\n  method: tpe            # or random, grid\n  trials: 20\n  parameters:\n' +
        '    train.learningRate: { min: 0.0003, max: 0.03, scale: log }\n    model.layers: { min: 2, max: 8, integer: true }\n' +
        '    model.norm: { values: [layer, rms] }',
    )
    .action((file: string | undefined, settings: string[], options: Options) => runSweep(file, settings, options, io));
};

const runSweep = async (
  file: string | undefined,
  settings: readonly string[],
  { trials, root, plain, keys, json }: Options,
  io: CliIo,
): Promise<void> => {
  if (keys) return listKeys(io);
  if (file === undefined || (file.includes('=') && !/\.(ya?ml|json)$/i.test(file))) {
    const message = 'name the file of the sweep first: nonet sweep sweep.yaml [key=value...].';
    throw new NonetError('E_USAGE', message);
  }
  const { resolveSweep } = await import('../../train/sweep/config.js');
  const { sweep } = await import('../../train/sweep/sweep.js');
  const config = await resolveSweep(file, { trials, root, settings });
  const stream = plain ? { write: (text: string) => io.err.write(text) } : io.err;
  const result = await interruptible(
    (signal) => sweep(config, { stream, signal, warn: warnOn(io) }),
    () => void io.err.write('\nfinishing the step and saving; Ctrl-C again ends at once\n'),
  );
  if (json) printJson(io, result);
  else
    io.out.write(
      sweepReport(result, {
        again: againCommand(file, settings, { trials, root }),
        best: result.best && runArgument(join(config.root, result.best.run)),
      }),
    );
  if (result.interrupted || result.best !== undefined) return;
  const reason = result.trials[0]?.error ?? 'none was trained';
  throw new NonetError('E_RUN', `all trials of ${config.name} failed; the first one: ${reason}`);
};

const listKeys = async (io: CliIo): Promise<void> => {
  const { knownKeys } = await import('../../core/config.js');
  const { sweepSchema } = await import('../../train/sweep/config.js');
  io.out.write(keyList(knownKeys(sweepSchema()), Math.min(widthOf(io.out), 120)));
};

const againCommand = (file: string, settings: readonly string[], { trials, root }: Options): string => {
  const options = [...(trials === undefined ? [] : ['--trials', String(trials)]), ...(root ? ['--root', root] : [])];
  return ['nonet sweep', ...[file, ...settings, ...options].map(quoted)].join(' ');
};
