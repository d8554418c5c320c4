import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { NonetError } from '../../core/errors.js';
import { formatBytes } from '../../core/format.js';
import { type CliIo, warnOn } from '../io.js';
import { type RecipeSubject, recipeText } from '../render/recipe.js';
import { runArgument } from '../run-argument.js';

interface Options {
  readonly out: string;
  readonly force?: boolean;
}

/** `nonet init`. */
export const defineInit = (program: Command, io: CliIo): void => {
  program
    .command('init')
    .summary('write a recipe for your own data')
    .description(
      'Writes a commented recipe for a file, a folder or a pattern; looks into the data and chooses a preset by its size.',
    )
    .argument('[FILE]', 'what to learn from: text, JSON lines or any binary, each also as .gz or .zst')
    .option('--out <FILE>', 'where the recipe goes', 'recipe.yaml')
    .option('--force', 'overwrite a recipe that is there')
    .addHelpText('after', '\nExample:\n  nonet init book.txt --out book.yaml')
    .action((path: string | undefined, options: Options) => runInit(path, options, io));
};

/** Below this a tenth of the data is less than one window of the smallest preset. */
const fewestBytes = 1300;

const runInit = async (path: string | undefined, { out, force }: Options, io: CliIo): Promise<void> => {
  const { fileExists, writeFileAtomic } = await import('../../core/files.js');
  if (!/\.ya?ml$/i.test(out)) {
    throw new NonetError('E_USAGE', `--out ${out}: a recipe is written as YAML; give it a name that ends in .yaml.`);
  }
  if (!force && (await fileExists(out))) {
    throw new NonetError('E_FILE', `${out} exists already: --force overwrites it, --out FILE writes elsewhere.`, {
      path: out,
    });
  }
  const subject = path === undefined ? placeholder : await subjectOf(path);
  await writeFileAtomic(out, recipeText(subject));
  if (path === undefined) {
    io.out.write(`wrote ${out}. Set data.path in it to your own file, then:\n  nonet train ${runArgument(out)}\n`);
    return;
  }
  if (subject.bytes < fewestBytes) {
    warnOn(io)(
      `${path} has ${formatBytes(subject.bytes)}; some ${formatBytes(fewestBytes)} are the least for this recipe.`,
    );
  }
  io.out.write(
    `wrote ${out} for ${formatBytes(subject.bytes)} of ${subject.kind}. Next:\n` +
      `  nonet plan ${runArgument(out)}\n  nonet train ${runArgument(out)}\n`,
  );
};

const placeholder: RecipeSubject = { path: 'your-text.txt', name: 'first', kind: 'text', files: 1, bytes: 1e6 };

const subjectOf = async (path: string): Promise<RecipeSubject> => {
  const { inspectData } = await import('../inspect-data.js');
  return { path, name: nameFrom(path), ...(await inspectData(path)) };
};

/** A name for the run from the name of the data. */
const nameFrom = (path: string): string =>
  basename(resolve(path))
    .replace(/(\.\w{1,5}){1,2}$/, '')
    .replace(/[^\w-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40) || 'first';
