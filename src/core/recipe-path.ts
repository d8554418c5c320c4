import { readdirSync } from 'node:fs';
import { basename, dirname, extname, resolve } from 'node:path';
import { NonetError } from './errors.js';
import { fileExists } from './files.js';
import { nearest } from './nearest.js';
import { packageFile } from './package-root.js';

/**
 * The file of a recipe: a path is one, and a bare name such as `bitformer-a` means one of those that come with nonet,
 * unless there is a file of that name. Where a file names a recipe, paths are relative to it.
 *
 * @throws NonetError `E_FILE` for a name that means none; it lists those that there are.
 */
export const recipePath = async (given: string, namedIn?: string): Promise<string> => {
  const path = namedIn === undefined ? given : resolve(dirname(namedIn), given);
  if (/[./\\]/.test(given) || (await fileExists(path))) return path;
  const names = recipeNames();
  if (names.includes(given)) return packageFile(`recipes/${given}.yaml`);
  const suggestion = nearest(given, names);
  const advice = suggestion === undefined ? '' : ` Did you mean ${suggestion}?`;
  const where = namedIn === undefined ? '' : `${namedIn}: `;
  const message = `${where}"${given}" is no file and no recipe that comes with nonet.${advice} There are ${names.join(', ')}.`;
  throw new NonetError('E_FILE', message, { recipe: given, names });
};

/** Names of the recipes that come with nonet; those that end in `-sweep` say how to search, not what to train. */
export const recipeNames = (): string[] =>
  readdirSync(packageFile('recipes'))
    .filter((file) => extname(file) === '.yaml' && !file.endsWith('-sweep.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
