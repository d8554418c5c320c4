import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { fileError } from './files.js';

/** SHA-256 of a string (as UTF-8) or of bytes: 64 lower-case hexadecimal digits. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** SHA-256 of a file's contents, read in pieces: a file of any size takes a fixed amount of memory. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece as Uint8Array);
  } catch (error) {
    throw fileError(error, 'read', path);
  }
  return hash.digest('hex');
}
