import { Command } from 'commander';
import { NonetError } from '../core/errors.js';
import { nearest } from '../core/nearest.js';
import { defineConfig } from './commands/config.js';
import { defineDoctor } from './commands/doctor.js';
import { defineEvaluate } from './commands/evaluate.js';
import { defineGenerate } from './commands/generate.js';
import { defineInit } from './commands/init.js';
import { defineMerge } from './commands/merge.js';
import { definePlan } from './commands/plan.js';
import { definePrompt } from './commands/prompt.js';
import { defineQuickstart } from './commands/quickstart.js';
import { defineRuns } from './commands/runs.js';
import { defineSweep } from './commands/sweep.js';
import { defineTfRecord } from './commands/tfrecord.js';
import { defineTrain } from './commands/train.js';
import { type CliIo, widthOf } from './io.js';
import { packageVersion } from './package-files.js';
import { hasPlaybookFlags, withFlagValues } from './playbook-flags.js';
import { reportError } from './report-error.js';

/**
 * Runs one command line (without the program's name) and resolves to its exit code: 0, 1 (failed) or 2 (wrong command
 * line or configuration). It never throws and never ends the process.
 *
 * @example
 * const code = await runCli(['runs', 'list', '--json'], { out: process.stdout, err: process.stderr, env: process.env });
 */
export const runCli = async (argv: readonly string[], io: CliIo): Promise<number> => {
  const program = createProgram(io);
  try {
    requireKnownTopic(program, argv);
    const command = commandNamed(program, argv[0]);
    const words = command && hasPlaybookFlags(command) ? withFlagValues(argv) : argv;
    await program.parseAsync([...words], { from: 'user' });
    return 0;
  } catch (error) {
    const command = commandNamed(program, argv[0])?.name();
    return reportError(error, io, { json: argv.includes('--json'), command });
  }
};

const commandNamed = (program: Command, name: string | undefined): Command | undefined =>
  program.commands.find((known) => known.name() === name);

/** `nonet help TOPIC` of an unknown topic is a mistake like the unknown command itself. */
const requireKnownTopic = (program: Command, [first, topic]: readonly string[]): void => {
  if (first !== 'help' || topic === undefined) return;
  const known = program.commands.map((command) => command.name());
  if (topic === 'help' || known.includes(topic)) return;
  const suggestion = nearest(topic, known);
  const advice = suggestion === undefined ? `the commands are ${known.join(', ')}.` : `did you mean ${suggestion}?`;
  throw new NonetError('E_USAGE', `there is no command ${topic}: ${advice}`);
};

/** The commands in the order of a first visit. Each loads the rooms that it needs only when it runs. */
const commands = [
  defineQuickstart,
  defineInit,
  defineTrain,
  defineGenerate,
  definePrompt,
  defineEvaluate,
  definePlan,
  defineConfig,
  defineRuns,
  defineMerge,
  defineTfRecord,
  defineSweep,
  defineDoctor,
];

const createProgram = (io: CliIo): Command => {
  const program = new Command('nonet')
    .description('Train, inspect and run tokenizer-free (bit- and byte-level) language models on ordinary CPUs.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [COMMAND]', 'print help for a command')
    // Commands inherit these: help goes where it is told, errors come back as exceptions and are written once.
    .configureOutput({
      writeOut: (text) => void io.out.write(text),
      writeErr: (text) => void io.err.write(text),
      outputError: () => {},
      getOutHelpWidth: () => widthOf(io.out),
      getErrHelpWidth: () => widthOf(io.err),
    })
    .exitOverride()
    .addHelpText(
      'after',
      '\nStart with:\n  nonet quickstart            a first model in about a minute\n  nonet init book.txt         a recipe for your own text',
    );
  for (const define of commands) define(program, io);
  return program;
};
