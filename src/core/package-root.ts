import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lazily } from './libraries.js';

/** The nearest folder above that has a package.json: a bundled module lies at another depth than its source. */
const packageRoot = lazily((): string => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
});

/** A file of this package, by its path from the package's root. */
export const packageFile = (path: string): string => join(packageRoot(), path);
