import type { Command } from 'commander';
import type { RunSummary } from '../../checkpoint/index.js';
import type { ConfigTree } from '../../core/config.js';
import { NonetError } from '../../core/errors.js';
import { type CliIo, printJson, warnOn } from '../io.js';
import { comparisonTable, configDifferences, type RunFigures, runTable } from '../render/runs.js';
import { runFigures } from '../run-figures.js';

interface Options {
  readonly root: string;
  readonly json?: boolean;
}

/** `nonet runs`. */
export const defineRuns = (program: Command, io: CliIo): void => {
  const runs = program
    .command('runs')
    .summary('list and compare runs')
    .description('Lists and compares the runs under runs/.')
    .addHelpText('after', '\nExamples:\n  nonet runs list\n  nonet runs compare quickstart ten');
  runs
    .command('list')
    .description('Lists all runs, the one updated last first, with the bits per byte of their last evaluation.')
    .option('--root <FOLDER>', 'where runs lie', 'runs')
    .option('--json', 'print a list of { name, path, step, steps, validation, training, loss, updated, holder }')
    .addHelpText('after', '\nExample:\n  nonet runs list --json')
    .action((options: Options) => runList(options, io));
  runs
    .command('compare')
    .description('Shows two runs side by side: the keys in which their configurations differ, and their last figures.')
    .argument('<A>', 'a run (name or folder)')
    .argument('<B>', 'another one')
    .option('--root <FOLDER>', 'where runs lie', 'runs')
    .option('--json', 'print { a, b, differences: [{ key, a, b }] }')
    .addHelpText('after', '\nExample:\n  nonet runs compare quickstart ten')
    .action((a: string, b: string, options: Options) => runCompare(a, b, options, io));
};

const runList = async ({ root, json }: Options, io: CliIo): Promise<void> => {
  const { listRuns } = await import('../../checkpoint/index.js');
  const runs: RunFigures[] = [];
  for (const run of await listRuns(root)) runs.push(runFigures(run, await configOrNothing(run, warnOn(io))));
  if (json) printJson(io, runs);
  else if (runs.length === 0)
    io.out.write(`${root} holds no runs yet; "nonet quickstart" or "nonet train" makes one.\n`);
  else io.out.write(runTable(runs));
};

const runCompare = async (nameOfA: string, nameOfB: string, { root, json }: Options, io: CliIo): Promise<void> => {
  const { openRun, readRunConfig, summarizeRun } = await import('../../checkpoint/index.js');
  const load = async (name: string): Promise<{ figures: RunFigures; config: ConfigTree }> => {
    const run = await summarizeRun(await openRun(name, root));
    const config = await readRunConfig(run);
    return { figures: runFigures(run, config), config };
  };
  const a = await load(nameOfA);
  const b = await load(nameOfB);
  const differences = configDifferences(a.config, b.config);
  if (json) printJson(io, { a: a.figures, b: b.figures, differences });
  else io.out.write(comparisonTable(a.figures, b.figures, differences));
};

/** One run whose configuration is gone is no reason not to list the others. */
const configOrNothing = async (run: RunSummary, warn: (message: string) => void): Promise<ConfigTree> => {
  const { readRunConfig } = await import('../../checkpoint/index.js');
  try {
    return await readRunConfig(run);
  } catch (error) {
    if (!(error instanceof NonetError)) throw error;
    warn(error.message);
    return {};
  }
};
