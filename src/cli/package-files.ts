import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A file of this package, by its path from the package's root. */
export const packageFile = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The version in package.json. */
export const packageVersion = (): string => {
  const { version } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { version: string };
  return version;
};
