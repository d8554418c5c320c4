import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { NonetError } from '../core/errors.js';
import { fileError, temporaryName } from '../core/files.js';
import { checkpointsFolder, LOCK_FILE } from './layout.js';
import { removeLeftovers } from './leftovers.js';
import { processStart } from './process-alive.js';

/** Who holds a run. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** When the lock was taken, ISO 8601. */
  readonly since: string;
  /** Tells the process from a later one with the same number. */
  readonly processStart: string;
}

export interface RunLock {
  /** Gives the run free; a second call does nothing. */
  release(): Promise<void>;
}

/**
 * Takes a run for this process, its only trainer from now on, and clears away what a killed one left half written. The
 * lock of a process that has ended is taken over.
 *
 * @throws NonetError `E_RUN` that names the process that holds the run.
 */
export async function lockRun(runFolder: string): Promise<RunLock> {
  const path = join(runFolder, LOCK_FILE);
  const own = `${JSON.stringify(thisProcess())}\n`;
  // Whoever takes over a stale lock may lose the race for the new one: then that one is looked at, once more.
  for (let attempt = 0; !(await createWith(path, own)); attempt++) {
    const found = await textOf(path);
    const holder = parseHolder(found);
    if ((holder && mayBeAlive(holder)) || attempt === 3) throw heldBy(runFolder, path, holder);
    await removeStale(path, found);
  }
  await removeLeftovers(runFolder);
  await removeLeftovers(checkpointsFolder(runFolder));
  return {
    async release() {
      if ((await textOf(path)) === own) await rm(path, { force: true });
    },
  };
}

/** Who trains a run at the moment; undefined when nobody does. */
export async function lockHolder(runFolder: string): Promise<LockHolder | undefined> {
  const holder = parseHolder(await textOf(join(runFolder, LOCK_FILE)));
  return holder && mayBeAlive(holder) ? holder : undefined;
}

function thisProcess(): LockHolder {
  return {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    processStart: processStart(process.pid) ?? 'unknown',
  };
}

/** A process on another machine cannot be looked at: it counts as alive. */
function mayBeAlive(holder: LockHolder): boolean {
  return holder.host !== hostname() || processStart(holder.pid) === holder.processStart;
}

/** Creates the file with its contents in one move, so that nobody sees a lock without a holder. */
async function createWith(path: string, text: string): Promise<boolean> {
  const temporary = temporaryName(path);
  try {
    await writeFile(temporary, text, { flag: 'wx' });
    await link(temporary, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw fileError(error, 'create', path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Removes the lock if it still is the stale one: in the meantime another process may have taken the run. */
async function removeStale(path: string, stale: string): Promise<void> {
  const aside = temporaryName(path);
  try {
    await rename(path, aside);
    if ((await textOf(aside)) !== stale) await link(aside, path).catch(() => undefined);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw fileError(error, 'remove', path);
  } finally {
    await rm(aside, { force: true });
  }
}

function heldBy(runFolder: string, path: string, holder: LockHolder | undefined): NonetError {
  const who = holder ? `process ${holder.pid} on ${holder.host} since ${holder.since}` : 'another process';
  const elsewhere = holder && holder.host !== hostname();
  const advice = elsewhere
    ? `it cannot be seen from here; if it has ended, delete ${path}.`
    : 'wait for it, stop it, or choose another run.name.';
  return new NonetError('E_RUN', `${runFolder} is being trained by ${who}: ${advice}`, { folder: runFolder, holder });
}

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

function parseHolder(text: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(text) as Partial<LockHolder> | null;
    const complete = typeof holder?.pid === 'number' && typeof holder.host === 'string';
    return complete ? (holder as LockHolder) : undefined;
  } catch {
    return undefined;
  }
}
