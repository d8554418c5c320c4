import { basename, dirname, join } from 'node:path';

/** A run's folder as it is best written on a command line: its name where it lies in `runs`, else its path. */
export const runArgument = (folder: string): string => {
  const isNamed = dirname(folder) === 'runs' || dirname(folder) === join(process.cwd(), 'runs');
  return quoted(isNamed ? basename(folder) : folder);
};

/** A word as a shell takes it. */
export const quoted = (text: string): string =>
  /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
