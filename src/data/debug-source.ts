import { NonetError } from '../core/errors.js';
import { randomInteger, seedKey } from '../core/random.js';

/** Sets these draws apart from every other use of a seed. */
const STREAM = 0x64656267;
const PIECE_BYTES = 1 << 16;

/**
 * The bytes that `debug:BYTES` stands for; undefined for a path of a file.
 * @throws NonetError `E_CONFIG` for other words behind `debug:`.
 */
export const debugBytes = (path: string): number | undefined => {
  const digits = /^debug:(.*)$/s.exec(path)?.[1];
  if (digits === undefined) return undefined;
  const bytes = Number(digits);
  if (/^\d+$/.test(digits) && Number.isSafeInteger(bytes)) return bytes;
  throw new NonetError('E_CONFIG', `${path}: a number of bytes is expected, as in debug:100000.`, { path });
};

/**
 * Data that needs no file and always is the same: sums of two numbers, a line each, which a model can learn in part
 * quickly and the rest slowly.
 *
 * @param bytes how many; the last line may be cut.
 */
export async function* debugSource(bytes: number): AsyncGenerator<Uint8Array> {
  const [key0, key1] = seedKey(0, STREAM, 0);
  let text = '';
  let left = bytes;
  for (let line = 0; left > 0; line++) {
    const a = randomInteger(key0, key1, 2 * line, 1000);
    const b = randomInteger(key0, key1, 2 * line + 1, 1000);
    text += `${a} + ${b} = ${a + b}\n`;
    if (text.length < Math.min(PIECE_BYTES, left)) continue;
    const piece = Buffer.from(text, 'latin1').subarray(0, left);
    yield piece;
    left -= piece.length;
    text = '';
  }
}
