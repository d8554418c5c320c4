import type { Command } from 'commander';
import { NonetError } from '../../core/errors.js';
import { type CliIo, printJson, widthOf } from '../io.js';
import { recipeAndSettings, recipeHelp } from '../parse.js';
import { keyList } from '../render/config.js';

interface Options {
  readonly json?: boolean;
  readonly keys?: boolean;
  readonly schema?: boolean;
}

/** `nonet config`. */
export const defineConfig = (program: Command, io: CliIo): void => {
  program
    .command('config')
    .summary('the resolved configuration of a recipe, or all keys')
    .description('Prints the configuration that a recipe resolves to, with presets, defaults and settings filled in.')
    .argument('[RECIPE]', recipeHelp)
    .argument('[key=value...]', 'settings that replace its own')
    .option('--json', 'print JSON instead of YAML')
    .option('--keys', 'list every key with the values it takes, its default and what it does; no recipe then')
    .option('--schema', 'print the JSON schema of recipes, for editors; no recipe then')
    .addHelpText('after', '\nExamples:\n  nonet config recipe.yaml train.steps=500\n  nonet config --keys')
    .action(async (first: string | undefined, rest: string[], options: Options) => {
      await printConfig(first === undefined ? [] : [first, ...rest], options, io);
    });
};

const printConfig = async (values: readonly string[], { json, keys, schema }: Options, io: CliIo): Promise<void> => {
  const { runConfigSchema, resolveConfig } = await import('../../train/config.js');
  if (keys || schema) {
    if (values.length > 0)
      throw new NonetError('E_USAGE', `--${keys ? 'keys' : 'schema'} is about all recipes: leave ${values[0]} out.`);
    if (keys && schema) throw new NonetError('E_USAGE', 'choose one of --keys and --schema.');
    const { jsonSchema, knownKeys } = await import('../../core/config.js');
    if (schema) printJson(io, jsonSchema(runConfigSchema()));
    else if (json) printJson(io, knownKeys(runConfigSchema()));
    else io.out.write(keyList(knownKeys(runConfigSchema()), Math.min(widthOf(io.out), 120)));
    return;
  }
  const { recipe, settings } = recipeAndSettings(values, 'config');
  const config = await resolveConfig(recipe, settings);
  if (json) return printJson(io, config);
  const { stringify } = await import('yaml');
  io.out.write(stringify(config));
};
