import { readFileSync } from 'node:fs';
import { packageFile } from '../core/package-root.js';

/** The version in package.json. */
export const packageVersion = (): string => {
  const { version } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { version: string };
  return version;
};
