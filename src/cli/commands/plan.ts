import type { Command } from 'commander';
import { type CliIo, printJson, warnOn } from '../io.js';
import { recipeAndSettings } from '../parse.js';
import { planJson, planTable } from '../render/plan.js';

/** `nonet plan`. */
export const definePlan = (program: Command, io: CliIo): void => {
  program
    .command('plan')
    .summary('what a recipe takes: parameters, memory, work, time')
    .description(
      'Tells what training a recipe takes, before it starts: parameters, peak memory, work and data of a step, and the ' +
        'time to expect from the measured speed of this machine.',
    )
    .argument('<RECIPE>', 'a recipe (.yaml or .json)')
    .argument('[key=value...]', 'settings that replace its own')
    .option('--json', 'print { parameters, peakBytes, activationBytes, flopsPerStep, bytesPerStep, secondsPerStep }')
    .addHelpText('after', '\nExample:\n  nonet plan recipe.yaml model.preset=base train.batchSize=32')
    .action(async (first: string, rest: string[], { json }: { json?: boolean }) => {
      const { recipe, settings } = recipeAndSettings([first, ...rest], 'plan');
      const { resolveConfig } = await import('../../train/config.js');
      const { planRun } = await import('../../train/plan.js');
      const { setThreads } = await import('../../compile/default-executor.js');
      const config = await resolveConfig(recipe, settings);
      setThreads(config.threads);
      const plan = await planRun(config);
      plan.warnings.forEach(warnOn(io));
      if (json) printJson(io, planJson(plan));
      else io.out.write(planTable(plan, config.train));
    });
};
