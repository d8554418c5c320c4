import { randomBytes } from 'node:crypto';
import { access, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { NonetError } from './errors.js';

/**
 * Writes a file so that at every moment, a power cut included, `path` holds either its old contents or all of the new:
 * the data goes to `<path>.tmp-<id>`, is synced, renamed over `path`, and the folder entry is synced. Pieces are written as
 * they come, so that they need not be in memory together.
 *
 * @throws NonetError `E_FILE`; the temporary file is removed and the old contents are left as they were.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array | Iterable<string | Uint8Array>,
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    const file = await open(temporary, 'wx');
    try {
      for (const piece of typeof data === 'string' || data instanceof Uint8Array ? [data] : data)
        await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileError(error, 'write', path);
  }
}

/**
 * Makes a folder, and those above it, where it is missing; whether it was.
 *
 * @throws NonetError `E_FILE`
 */
export async function makeFolder(path: string): Promise<boolean> {
  try {
    // One by one: the recursive mkdir of Node.js never ends where a folder takes none, as /proc does.
    const before = await makeOne(path);
    if (before !== 'nothing above') return before === 'made';
    await makeFolder(dirname(path));
    if ((await makeOne(path)) === 'nothing above') throw refused(path);
    return true;
  } catch (error) {
    throw fileError(error, 'create', path);
  }
}

async function makeOne(path: string): Promise<'made' | 'there' | 'nothing above'> {
  try {
    await mkdir(path);
    return 'made';
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && dirname(path) !== path) return 'nothing above';
    const isThere = await stat(path).then(
      (facts) => facts.isDirectory(),
      () => false,
    );
    if (isThere) return 'there';
    throw error;
  }
}

const refused = (path: string): NonetError =>
  new NonetError('E_FILE', `cannot create ${path}: the folder above takes no folders; choose another one.`, { path });

/** A name beside `path` that no other process or call picks; what is left under such names may be deleted. */
export function temporaryName(path: string): string {
  return `${path}.tmp-${process.pid}-${randomBytes(4).toString('hex')}`;
}

/** Makes the creations, renames and deletions inside a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    // Windows cannot open folders, and some network file systems cannot sync them: there the rename is all we get.
    if (!['EISDIR', 'EPERM', 'EINVAL', 'ENOTSUP'].includes(errnoOf(error))) throw fileError(error, 'sync', path);
  }
}

/** The parsed contents of a JSON file. `E_FILE` when it cannot be read, `E_DATA` when it is not JSON. */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new NonetError('E_DATA', `${path} is not valid JSON: ${reason}.`, { path }, { cause: error });
  }
}

/** The contents of a UTF-8 text file; `E_FILE` when it cannot be read. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw fileError(error, 'read', path);
  }
}

/** Whether something, a file or a folder, is at `path`. */
export async function fileExists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Turns a failure of the file system into a `NonetError` in plain words; a `NonetError` passes through unchanged.
 *
 * @param doing what was tried: `read`, `write`, `create`, ...
 */
export function fileError(error: unknown, doing: string, path: string): NonetError {
  if (error instanceof NonetError) return error;
  const errno = errnoOf(error);
  const reason = REASONS[errno] ?? (error instanceof Error ? error.message : String(error));
  return new NonetError('E_FILE', `cannot ${doing} ${path}: ${reason}.`, { path, errno }, { cause: error });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space or choose another folder',
  EDQUOT: 'the disk quota is used up; free some space or choose another folder',
  EFBIG: 'the file would be larger than the file system or a limit (ulimit -f) allows',
  EACCES: 'permission denied; check the owner and mode of the file and its folder',
  EPERM: 'the system does not permit it; check the owner and mode of the file and its folder',
  EROFS: 'the file system is read-only; choose another folder',
  EEXIST: 'something else is there under that name; choose another one',
  ENOENT: 'no such file or folder; check the path',
  ENOTDIR: 'a part of the path is a file, not a folder; check the path',
  EISDIR: 'it is a folder, a file was expected',
  EMFILE: 'too many files are open; raise the limit (ulimit -n)',
};

function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
