import { readFile } from 'node:fs/promises';
import { fileError } from '../core/files.js';
import { hexBytes } from './parse.js';

/** A prompt as it was given on the command line. */
export type PromptSource =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'hex'; readonly digits: string }
  | { readonly kind: 'file'; readonly path: string };

/**
 * The bytes of prompts, in their order. Throws `E_FILE` for a file that cannot be read, `E_USAGE` for digits that are not
 * hexadecimal. The file `-` is standard input.
 */
export const readPrompts = async (
  sources: readonly PromptSource[],
  stdin: AsyncIterable<Uint8Array> = process.stdin,
): Promise<Uint8Array[]> => {
  const prompts: Uint8Array[] = [];
  for (const source of sources) prompts.push(await readPrompt(source, stdin));
  return prompts;
};

const readPrompt = async (source: PromptSource, stdin: AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
  if (source.kind === 'text') return new TextEncoder().encode(source.text);
  if (source.kind === 'hex') return hexBytes(source.digits);
  if (source.path === '-') return readAll(stdin);
  try {
    return Uint8Array.from(await readFile(source.path));
  } catch (error) {
    throw fileError(error, 'read', source.path);
  }
};

const readAll = async (stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Uint8Array.from(Buffer.concat(pieces));
};
