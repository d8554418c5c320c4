import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { NonetError } from '../core/errors.js';
import { fileError } from '../core/files.js';

/** A run of bytes of any length that is read in pieces. */
export interface ByteStore {
  /** Bytes. */
  readonly length: number;
  /**
   * `length` bytes from `offset` on, to be read and not written: they may be a view into the store.
   * @throws NonetError `E_DATA` when the range leaves the store.
   */
  read(offset: number, length: number): Uint8Array;
}

/** A store over bytes in memory (or a memory-mapped file). */
export function memoryStore(bytes: Uint8Array): ByteStore {
  return {
    length: bytes.length,
    read(offset, length) {
      requireRange(bytes.length, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/** The part `[start, start + length)` of a store as a store of its own. */
export function sliceStore(store: ByteStore, start: number, length: number): ByteStore {
  requireRange(store.length, start, length);
  return {
    length,
    read(offset, count) {
      requireRange(length, offset, count);
      return store.read(start + offset, count);
    },
  };
}

export interface FileStore extends ByteStore {
  close(): void;
}

const PAGE_BYTES = 1 << 16;
/** Pages kept: 64 MiB, so that an ordinary text is read from disk once. */
const KEPT_PAGES = 1 << 10;

/**
 * A store over a file through positional reads, with a cache of the pages used last. It blocks while it reads: windows
 * are small, and the kernel's own cache answers most of the misses.
 *
 * @throws NonetError `E_FILE` when the file cannot be opened or read.
 */
export function fileStore(path: string, keptPages = KEPT_PAGES): FileStore {
  const { descriptor, length } = openFile(path);
  // A Map keeps insertion order: the first key is the page that was not used for longest.
  const pages = new Map<number, Uint8Array>();

  const page = (index: number): Uint8Array => {
    let bytes = pages.get(index);
    if (bytes) pages.delete(index);
    else {
      bytes = readFully(descriptor, path, index * PAGE_BYTES, Math.min(PAGE_BYTES, length - index * PAGE_BYTES));
      const oldest = pages.keys().next();
      if (pages.size >= keptPages && !oldest.done) pages.delete(oldest.value);
    }
    pages.set(index, bytes);
    return bytes;
  };

  return {
    length,
    read(offset, count) {
      requireRange(length, offset, count);
      const first = Math.floor(offset / PAGE_BYTES);
      const within = offset - first * PAGE_BYTES;
      if (count === 0) return new Uint8Array(0);
      if (within + count <= PAGE_BYTES) return page(first).subarray(within, within + count);
      // Long reads pass by the cache, which they would only flush.
      if (count > 4 * PAGE_BYTES) return readFully(descriptor, path, offset, count);
      const result = new Uint8Array(count);
      for (let done = 0; done < count; ) {
        const at = offset + done;
        const index = Math.floor(at / PAGE_BYTES);
        const piece = page(index).subarray(at - index * PAGE_BYTES, at - index * PAGE_BYTES + count - done);
        result.set(piece, done);
        done += piece.length;
      }
      return result;
    },
    close: () => closeSync(descriptor),
  };
}

function openFile(path: string): { descriptor: number; length: number } {
  try {
    const descriptor = openSync(path, 'r');
    return { descriptor, length: fstatSync(descriptor).size };
  } catch (error) {
    throw fileError(error, 'read', path);
  }
}

function readFully(descriptor: number, path: string, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    let count = 0;
    try {
      count = readSync(descriptor, bytes, done, length - done, offset + done);
    } catch (error) {
      throw fileError(error, 'read', path);
    }
    if (count === 0) {
      throw new NonetError('E_FILE', `${path} became shorter while it was in use: prepare the data anew.`, { path });
    }
    done += count;
  }
  return bytes;
}

function requireRange(total: number, offset: number, length: number): void {
  if (Number.isSafeInteger(offset) && length >= 0 && offset >= 0 && offset + length <= total) return;
  const message = `bytes ${offset} to ${offset + length} were asked for, the data holds ${total}.`;
  throw new NonetError('E_DATA', message, { offset, length, total });
}
