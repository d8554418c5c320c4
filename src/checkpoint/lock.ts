import { createHash } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { NonetError } from '../core/errors.js';
import { fileError, temporaryName, writeFileAtomic } from '../core/files.js';
import { checkpointsFolder, entriesOf, LOCK_FILE } from './layout.js';
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
  // Whoever finds a lock may find that it is gone by the time it is read: then it is tried once more.
  for (let attempt = 0; !(await createWith(path, own)); attempt++) {
    const found = await textOf(path);
    const holder = parseHolder(found);
    if ((holder && mayBeAlive(holder)) || attempt === 3) throw heldBy(runFolder, path, holder);
    if (found !== undefined && (await takeOver(runFolder, path, found, own))) break;
  }
  await removeClaims(runFolder);
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

/** Creates the file with its contents in one move, so that nobody sees a lock without a holder; false when it is there. */
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

/**
 * Replaces a stale lock; false when another process was faster. Only who holds a claim on this very text may replace
 * it, so that nobody takes away a lock that was taken over in the meantime. A claim is never removed before the text
 * that it is on is gone: where its holder died, the next one claims the text and that claim together.
 */
async function takeOver(runFolder: string, path: string, stale: string, own: string): Promise<boolean> {
  let claimed = stale;
  let claim = claimOn(path, claimed);
  while (!(await createWith(claim, own))) {
    const found = await textOf(claim);
    if (found === undefined) return false;
    const holder = parseHolder(found);
    if (holder && mayBeAlive(holder)) throw heldBy(runFolder, claim, holder);
    claimed += found;
    claim = claimOn(path, claimed);
  }
  const unchanged = (await textOf(path)) === stale;
  if (unchanged) await writeFileAtomic(path, own);
  else await rm(claim, { force: true });
  return unchanged;
}

function claimOn(path: string, text: string): string {
  return `${path}.claim-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

/** Clears away the claims on earlier locks: what they are on is gone as soon as the run is held. */
async function removeClaims(runFolder: string): Promise<void> {
  const claims = (await entriesOf(runFolder)).filter((entry) => entry.startsWith(`${LOCK_FILE}.claim-`));
  for (const claim of claims) await rm(join(runFolder, claim), { force: true });
}

function heldBy(runFolder: string, path: string, holder: LockHolder | undefined): NonetError {
  const who = holder ? `process ${holder.pid} on ${holder.host} since ${holder.since}` : 'another process';
  const elsewhere = holder && holder.host !== hostname();
  const advice = elsewhere
    ? `it cannot be seen from here; if it has ended, delete ${path}.`
    : 'wait for it, stop it, or choose another run.name.';
  return new NonetError('E_RUN', `${runFolder} is being trained by ${who}: ${advice}`, { folder: runFolder, holder });
}

async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

function parseHolder(text = ''): LockHolder | undefined {
  try {
    const holder = JSON.parse(text) as Partial<LockHolder> | null;
    const complete = typeof holder?.pid === 'number' && typeof holder.host === 'string';
    return complete ? (holder as LockHolder) : undefined;
  } catch {
    return undefined;
  }
}
