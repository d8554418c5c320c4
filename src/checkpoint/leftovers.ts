import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, fileExists } from '../core/files.js';
import { entriesOf } from './layout.js';
import { processStart } from './process-alive.js';

/** `<name>.tmp-<pid>-<id>` is not complete yet; `<name>.old-<pid>-<id>` is being replaced. */
const LEFTOVER = /^(.+)\.(tmp|old)-(\d+)-[0-9a-f]{8}$/;

/**
 * Clears a folder of what processes that were killed while saving left in it. A complete checkpoint that was moved out
 * of the way, and whose replacement did not arrive, is moved back.
 *
 * What another live process works on stays. The caller must not itself be writing into the folder.
 */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const entry of await entriesOf(folder)) {
    const [, name, kind, pid] = LEFTOVER.exec(entry) ?? [];
    if (name === undefined || inUse(Number(pid))) continue;
    const path = join(folder, entry);
    try {
      if (kind === 'old' && !(await fileExists(join(folder, name)))) await rename(path, join(folder, name));
      else await rm(path, { recursive: true, force: true });
    } catch (error) {
      throw fileError(error, 'remove', path);
    }
  }
}

/** In a container the killed process often had the very number that this one has. */
function inUse(pid: number): boolean {
  return pid !== process.pid && processStart(pid) !== undefined;
}
