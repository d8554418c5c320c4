import type { Command } from 'commander';
import { type CliIo, printJson, warnOn } from '../io.js';
import { wholeNumber } from '../parse.js';

interface Options {
  readonly checkpoint?: number;
  readonly root: string;
  readonly json?: boolean;
}

/** `nonet merge`. */
export const defineMerge = (program: Command, io: CliIo): void => {
  program
    .command('merge')
    .summary('make a run of its own from one of adapters')
    .description(
      'Adds what adapters (adapter.rank) have learnt to the weights that they build on, and keeps the result as a new run, ' +
        'which can be evaluated, write, and be the start of other runs.',
    )
    .argument('<RUN>', 'a run of adapters (name or folder, with @best behind it its best checkpoint)')
    .argument('<NAME>', 'name of the new run')
    .option('--checkpoint <STEP>', 'the checkpoint of that step instead of the latest', wholeNumber(0))
    .option('--root <FOLDER>', 'where runs lie', 'runs')
    .option('--json', 'print { run }')
    .addHelpText('after', '\nExample:\n  nonet merge letters letters-merged')
    .action(async (run: string, name: string, { checkpoint, root, json }: Options) => {
      const { mergeRun } = await import('../../train/merge.js');
      const { path } = await mergeRun(run, name, { checkpoint, root, warn: warnOn(io) });
      if (json) printJson(io, { run: path });
      else io.out.write(`merged into ${path}\n`);
    });
};
