import type { Command } from 'commander';
import type { ConfigTree } from '../../core/config.js';
import { NonetError } from '../../core/errors.js';
import { type CliIo, printJson, warnOn, widthOf } from '../io.js';
import { recipeAndSettings, recipeHelp } from '../parse.js';
import { keyList } from '../render/config.js';
import { runArgument } from '../run-argument.js';

interface Options {
  readonly json?: boolean;
  readonly keys?: boolean;
  readonly schema?: boolean;
  readonly fromOlmax?: string;
  readonly out?: string;
  readonly force?: boolean;
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
    .option(
      '--from-olmax <FILE>',
      'make a recipe of a configuration of the Olmax project (YAML or JSON); settings may follow',
    )
    .option('--out <FILE>', 'with --from-olmax: write the recipe into a file')
    .option('--force', 'with --out: overwrite a file that is there')
    .addHelpText(
      'after',
      '\nExamples:\n  nonet config recipe.yaml train.steps=500\n  nonet config --keys\n' +
        '  nonet config --from-olmax narrow.yaml --out recipe.yaml data.path=texts.tfrecord',
    )
    .action(async (first: string | undefined, rest: string[], options: Options) => {
      await printConfig(first === undefined ? [] : [first, ...rest], options, io);
    });
};

const printConfig = async (values: readonly string[], options: Options, io: CliIo): Promise<void> => {
  const { json, keys, schema, fromOlmax, out, force } = options;
  if (fromOlmax !== undefined) {
    if (keys || schema) throw new NonetError('E_USAGE', 'choose one of --keys, --schema and --from-olmax.');
    return convert(fromOlmax, values, options, io);
  }
  if (out !== undefined || force) throw new NonetError('E_USAGE', '--out and --force belong to --from-olmax.');
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

const convert = async (file: string, settings: readonly string[], options: Options, io: CliIo): Promise<void> => {
  const { json, out, force } = options;
  const [{ fromOlmax }, { applyOverrides, isTree, loadRecipe }, { fileExists, writeFileAtomic }, { stringify }] =
    await Promise.all([
      import('../../train/olmax/convert.js'),
      import('../../core/config.js'),
      import('../../core/files.js'),
      import('yaml'),
    ]);
  if (out !== undefined && !/\.(ya?ml|json)$/i.test(out)) {
    throw new NonetError('E_USAGE', `--out ${out}: give the recipe a name that ends in .yaml or .json.`);
  }
  if (out !== undefined && !force && (await fileExists(out))) {
    const message = `${out} exists already: --force overwrites it, --out FILE writes elsewhere.`;
    throw new NonetError('E_FILE', message, { path: out });
  }
  const { recipe, warnings } = fromOlmax(await loadRecipe(file), file);
  const set = applyOverrides(recipe, [...settings]);
  for (const warning of warnings) warnOn(io)(warning);
  const namesData = isTree(set.data) && set.data.path !== undefined;
  await requireFits(namesData ? set : applyOverrides(set, ['data.path=later']), file);
  if (!namesData) warnOn(io)('the recipe names no data yet: give data.path.');
  if (out === undefined) return json ? printJson(io, set) : void io.out.write(stringify(set));
  await writeFileAtomic(out, /\.json$/i.test(out) ? `${JSON.stringify(set, null, 2)}\n` : stringify(set));
  io.out.write(`wrote ${out}. Next:\n  nonet plan ${runArgument(out)}\n`);
};

/** A recipe that could not be trained is not written: its parts are known to fit here, not in the file. */
const requireFits = async (recipe: ConfigTree, file: string): Promise<void> => {
  const { checkConfig } = await import('../../train/config.js');
  try {
    checkConfig(recipe, 'the recipe', 'recipe');
  } catch (error) {
    if (!(error instanceof NonetError)) throw error;
    const advice = `${file} does not become a recipe that can be used. Change it, or put settings (key=value) behind it:`;
    throw new NonetError(error.code, `${advice}\n${error.message}`, { ...error.details, source: file });
  }
};
