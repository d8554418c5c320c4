import { type Command, Option } from 'commander';
import { writeFileAtomic } from '../../core/files.js';
import { type CliIo, printJson, warnOn } from '../io.js';
import { recipeAndSettings, recipeHelp } from '../parse.js';
import { addPlaybookFlags, playbookSettings } from '../playbook-flags.js';
import { explainTable } from '../render/explain.js';
import { planJson, planTable } from '../render/plan.js';

interface Options {
  readonly json?: boolean;
  readonly explain?: boolean;
  readonly profile?: boolean;
  readonly trace?: string;
  readonly graph?: string;
  readonly graphOf: 'model' | 'step';
}

/** `nonet plan`. */
export const definePlan = (program: Command, io: CliIo): void => {
  const command = program
    .command('plan')
    .summary('what a recipe takes: parameters, memory, work, time')
    .description(
      'Tells what training a recipe takes, before it starts: parameters, peak memory, work and data of a step, and the ' +
        'time to expect from the measured speed of this machine.',
    )
    .argument('<RECIPE>', recipeHelp)
    .argument('[key=value...]', 'settings that replace its own')
    .option('--json', 'print { parameters, peakBytes, activationBytes, flopsPerStep, bytesPerStep, secondsPerStep }')
    .option('--explain', 'list the program of a step: kernel calls, shapes, FLOPs, bytes, expected time')
    .option('--profile', 'with the measured time of every call, from a few steps on made-up data')
    .option('--trace <FILE>', 'write the profile as a trace that Perfetto opens')
    .option('--graph <FILE>', 'write the graph of the model as JSON: ops, shapes, scopes, inputs, parameters')
    .addOption(
      new Option('--graph-of <PART>', 'what of: the model from a batch to the loss, or a whole training step')
        .choices(['model', 'step'])
        .default('model'),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  nonet plan recipe.yaml model.preset=base train.batchSize=32\n  nonet plan bitformer-a data.path=book.txt --layers 4\n  nonet plan recipe.yaml --profile --trace step.json\n  nonet plan recipe.yaml --graph model.json',
    )
    .action((first: string, rest: string[], options: Options) => runPlan([first, ...rest], options, io));
  addPlaybookFlags(command);
};

const runPlan = async (values: readonly string[], options: Options, io: CliIo): Promise<void> => {
  const { json, explain, profile, trace, graph, graphOf: part } = options;
  const flagged = playbookSettings({ ...options });
  const { recipe, settings } = recipeAndSettings(values, 'plan');
  const { resolveConfig } = await import('../../train/config.js');
  const { graphOf, planRun } = await import('../../train/plan.js');
  const { setThreads } = await import('../../compile/default-executor.js');
  const config = await resolveConfig(recipe, [...flagged, ...settings]);
  setThreads(config.threads);
  if (graph !== undefined) await writeFileAtomic(graph, `${JSON.stringify(graphOf(config, part))}\n`);
  if (explain || profile || trace !== undefined) {
    const { explainStep, traceOf } = await import('../../train/explain.js');
    const step = await explainStep(config, { profile: profile || trace !== undefined });
    const { calls } = step;
    if (trace !== undefined) {
      const { traceEventPieces } = await import('../../telemetry/index.js');
      await writeFileAtomic(trace, traceEventPieces(traceOf(step)));
    }
    if (json) printJson(io, calls);
    else io.out.write(explainTable(calls));
    return;
  }
  const plan = await planRun(config);
  plan.warnings.forEach(warnOn(io));
  if (json) printJson(io, planJson(plan));
  else io.out.write(planTable(plan, { ...config.train, steps: plan.steps }));
};
