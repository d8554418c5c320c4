/**
 * The safetensors format: the length of the header (64 bits, little-endian), the header (JSON), the arrays. Read and
 * written in pieces: no more memory than the arrays themselves is taken.
 * https://github.com/huggingface/safetensors#format
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { NonetError } from '../core/errors.js';
import { fileError } from '../core/files.js';
import { bytesOfArray, type NamedArray, requireConsistent, storedBytes, typedArrayOver } from './named-array.js';
import {
  damaged,
  decodeHeader,
  encodeHeader,
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  type SafetensorsHeader,
  type StoredArray,
} from './safetensors-header.js';

export interface WriteSafetensorsOptions {
  /** Strings that travel in the header. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Called before the data of each array is written, in file order. */
  readonly beforeArray?: (index: number) => void;
}

/** What was written, for a manifest. */
export interface WrittenFile {
  readonly bytes: number;
  /** Of all bytes, 64 hexadecimal digits. */
  readonly sha256: string;
}

/** Bytes that are hashed and written at once. */
const PIECE_BYTES = 1 << 22;

/**
 * Writes a new file and syncs it. Arrays lie in the given order, those with larger elements first, which aligns all.
 *
 * @throws NonetError `E_CHECKPOINT` for arrays that contradict themselves or share a name, `E_FILE` when it cannot be
 *   written or already exists; nothing is left of a file that failed.
 */
export async function writeSafetensors(
  path: string,
  arrays: readonly NamedArray[],
  { metadata = {}, beforeArray }: WriteSafetensorsOptions = {},
): Promise<WrittenFile> {
  const ordered = inFileOrder(arrays);
  const header = encodeHeader(ordered, metadata);
  const file = await opened(path, 'wx');
  const hash = createHash('sha256');
  let bytes = 0;
  const append = async (data: Uint8Array): Promise<void> => {
    for (let start = 0; start < data.length; start += PIECE_BYTES) {
      const piece = data.subarray(start, start + PIECE_BYTES);
      hash.update(piece);
      await file.writeFile(piece);
      bytes += piece.length;
    }
  };
  try {
    try {
      await append(header);
      for (const [index, array] of ordered.entries()) {
        beforeArray?.(index);
        await append(bytesOfArray(array.data));
      }
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path, { force: true }).catch(() => undefined);
    throw fileError(error, 'write', path);
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** A safetensors file whose header has been read; arrays are read when asked for. */
export interface SafetensorsFile extends SafetensorsHeader {
  /** @throws NonetError `E_CHECKPOINT` when there is no such array, or it is cut off. */
  read(name: string): Promise<NamedArray>;
  close(): Promise<void>;
}

/**
 * Opens a file and reads its header; the caller closes it.
 *
 * @throws NonetError `E_FILE` when it cannot be read, `E_CHECKPOINT` when it is no intact safetensors file.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await opened(path, 'r');
  try {
    const { header, dataStart } = await readHeader(file, path);
    const byName = new Map(header.arrays.map((array) => [array.name, array]));
    return {
      ...header,
      async read(name) {
        const stored = byName.get(name);
        if (stored) return readArray(file, path, dataStart, stored);
        throw new NonetError('E_CHECKPOINT', `${path} holds no array ${name}.`, { path, name });
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw fileError(error, 'read', path);
  }
}

/** All of a file: {@link openSafetensors} and every array. */
export async function readSafetensors(
  path: string,
): Promise<{ arrays: NamedArray[]; metadata: Readonly<Record<string, string>> }> {
  const file = await openSafetensors(path);
  try {
    const arrays: NamedArray[] = [];
    for (const { name } of file.arrays) arrays.push(await file.read(name));
    return { arrays, metadata: file.metadata };
  } finally {
    await file.close();
  }
}

function inFileOrder(arrays: readonly NamedArray[]): NamedArray[] {
  const names = new Set<string>();
  for (const array of arrays) {
    requireConsistent(array);
    if (names.has(array.name)) {
      throw new NonetError('E_CHECKPOINT', `two arrays are called ${array.name}.`, { name: array.name });
    }
    names.add(array.name);
  }
  return [...arrays].sort((a, b) => storedBytes(b.dtype, []) - storedBytes(a.dtype, []));
}

async function readHeader(file: FileHandle, path: string): Promise<{ header: SafetensorsHeader; dataStart: number }> {
  const { size } = await file.stat();
  if (size < LENGTH_BYTES) throw damaged(path, `it has ${size} bytes, the length of the header alone takes 8`);
  const length = new DataView(await readBytes(file, path, 0, LENGTH_BYTES)).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) throw damaged(path, `its header claims ${length} bytes`);
  const dataStart = LENGTH_BYTES + Number(length);
  if (dataStart > size) throw damaged(path, `it is truncated within its header of ${length} bytes`);
  const json = new Uint8Array(await readBytes(file, path, LENGTH_BYTES, Number(length)));
  return { header: decodeHeader(json, path, size - dataStart), dataStart };
}

async function readArray(file: FileHandle, path: string, dataStart: number, stored: StoredArray): Promise<NamedArray> {
  const { name, dtype, shape, offset, byteLength } = stored;
  try {
    const buffer = await readBytes(file, path, dataStart + offset, byteLength);
    return { name, dtype, shape, data: typedArrayOver(dtype, buffer) };
  } catch (error) {
    throw fileError(error, 'read', path);
  }
}

/** A single read of the system takes less than 2 GiB. */
const READ_BYTES = 1 << 30;

async function readBytes(file: FileHandle, path: string, start: number, length: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, Math.min(READ_BYTES, length - done), start + done);
    if (bytesRead === 0)
      throw damaged(path, `it is truncated, ${length - done} bytes from ${start + done} are missing`);
    done += bytesRead;
  }
  return bytes.buffer;
}

async function opened(path: string, flags: 'r' | 'wx'): Promise<FileHandle> {
  try {
    return await open(path, flags);
  } catch (error) {
    throw fileError(error, flags === 'r' ? 'read' : 'create', path);
  }
}
