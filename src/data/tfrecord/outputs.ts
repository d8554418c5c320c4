import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { NonetError } from '../../core/errors.js';
import { fileExists } from '../../core/files.js';

interface Files {
  /** Paths of what is read. */
  readonly inputs: readonly string[];
  /** Paths of what is to be written. */
  readonly outputs: readonly string[];
  /** Whether a file that is there is to be overwritten. */
  readonly force: boolean;
}

/**
 * Makes sure that nothing is destroyed by writing: no output is an input or another output, by whatever path, and none is
 * there already, unless it is to be overwritten.
 *
 * @throws NonetError `E_FILE`
 */
export const requireSafeOutputs = async ({ inputs, outputs, force }: Files): Promise<void> => {
  const taken = new Map<string, string>();
  for (const path of inputs) taken.set(await placeOf(path), `the input ${path}`);
  for (const path of outputs) {
    const place = await placeOf(path);
    const other = taken.get(place);
    if (other !== undefined) {
      throw new NonetError('E_FILE', `${path} is ${other} as well: write into another file.`, { path });
    }
    if (!force && (await fileExists(path))) {
      const message = `${path} exists already: --force overwrites it (force: true in the library), or write elsewhere.`;
      throw new NonetError('E_FILE', message, { path });
    }
    taken.set(place, `the output ${path}`);
  }
};

/** The path without links, also of a file that is not there yet. */
const placeOf = (path: string): Promise<string> =>
  realpath(path).catch(async () => {
    const folder = await realpath(dirname(path)).catch(() => resolve(dirname(path)));
    return join(folder, basename(path));
  });
