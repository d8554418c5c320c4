import type { Command } from 'commander';
import { NonetError } from '../../core/errors.js';
import { interruptible } from '../interrupt.js';
import { type CliIo, printJson, warnOn } from '../io.js';
import { recipeAndSettings, recipeHelp } from '../parse.js';
import { addPlaybookFlags, playbookSettings } from '../playbook-flags.js';
import { trainReport } from '../render/train-report.js';
import { runArgument } from '../run-argument.js';

interface Options {
  readonly resume?: string;
  readonly force?: boolean;
  readonly plain?: boolean;
  readonly root?: string;
  readonly json?: boolean;
}

/** `nonet train`. */
export const defineTrain = (program: Command, io: CliIo): void => {
  const command = program
    .command('train')
    .summary('train a model from a recipe, or go on with a run')
    .description(
      'Trains the model of a recipe; the run is kept under runs/. Ctrl-C finishes the step, saves and says how to go on.',
    )
    .argument('[RECIPE]', recipeHelp)
    .argument('[key=value...]', 'settings that replace its own')
    .option('--resume <RUN>', 'go on with a run from its latest checkpoint; no recipe then')
    .option('--force', 'resume although a setting changes the course of training, such as train.steps')
    .option('--plain', 'plain lines instead of one live line')
    .option('--root <FOLDER>', 'where runs lie; for a new run the same as run.root=FOLDER')
    .option(
      '--json',
      'print { runFolder, steps, seconds, bytesPerSecond, gflops, parameters, validation, ... } at the end',
    )
    .usage('[options] RECIPE [key=value...]\n       nonet train [options] --resume RUN [key=value...]')
    .addHelpText(
      'after',
      '\nExamples:\n  nonet train recipe.yaml\n  nonet train bitformer-a data.path=book.txt --layers 4\n  nonet train recipe.yaml train.minutes=10 model.preset=small run.name=ten\n' +
        '  nonet train --resume ten\n\nAll keys: nonet config --keys',
    )
    .action(async (first: string | undefined, rest: string[], options: Options) => {
      const values = first === undefined ? rest : [first, ...rest];
      await runTrain(values, options, io);
    });
  addPlaybookFlags(command);
};

const runTrain = async (values: readonly string[], options: Options, io: CliIo) => {
  const { resume: run, force, plain, root, json } = options;
  const flagged = playbookSettings({ ...options });
  if (run === undefined && force)
    throw new NonetError('E_USAGE', '--force belongs to --resume: a new run takes any setting.');
  const { resume, train } = await import('../../train/trainer.js');
  const { resolveConfig } = await import('../../train/config.js');
  const stream = plain ? { write: (text: string) => io.err.write(text) } : io.err;
  const result = await interruptible(
    async (signal) => {
      const shared = { stream, signal, warn: warnOn(io) };
      if (run !== undefined) return resume(run, [...flagged, ...settingsOnly(values)], { ...shared, root, force });
      const { recipe, settings } = recipeAndSettings(values, 'train');
      const placed = root === undefined ? [] : [`run.root=${JSON.stringify(root)}`];
      return train(await resolveConfig(recipe, [...flagged, ...settings, ...placed]), shared);
    },
    () => void io.err.write('\nfinishing the step and saving; Ctrl-C again ends at once\n'),
  );
  if (json) printJson(io, result);
  else io.out.write(trainReport(result, runArgument(result.runFolder)));
};

const settingsOnly = (values: readonly string[]): readonly string[] => {
  const recipe = values[0];
  if (recipe === undefined || recipe.includes('=')) return values;
  const message = `"${recipe}": with --resume the run's own configuration counts; give no recipe, only key=value settings.`;
  throw new NonetError('E_USAGE', message);
};
