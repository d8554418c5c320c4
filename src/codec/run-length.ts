import { NonetError } from '../core/errors.js';
import { requireBits } from './bits.js';

/** The longest run that one pair holds. */
export const MAX_RUN = 255;

/**
 * Run-length code of bits: pairs of bytes `value, count`. A run longer than 255 is split, 255 first.
 *
 * @returns an even number of bytes; none for no bits
 */
export function runLengthEncode(bits: Uint8Array): Uint8Array {
  const runs = runLengths(bits);
  let pairs = 0;
  for (const run of runs) pairs += Math.ceil(run / MAX_RUN);
  const code = new Uint8Array(2 * pairs);
  let value = bits[0] ?? 0;
  let at = 0;
  for (const run of runs) {
    for (let rest = run; rest > 0; rest -= MAX_RUN) {
      code[at++] = value;
      code[at++] = Math.min(rest, MAX_RUN);
    }
    value ^= 1;
  }
  return code;
}

/**
 * The inverse of {@link runLengthEncode}. Runs that are split otherwise are taken too.
 *
 * @throws NonetError `E_CODEC`, with the byte position, for an odd length, a count of zero, or a value other than 0 and 1
 */
export function runLengthDecode(code: Uint8Array): Uint8Array {
  const bits = new Uint8Array(codedBits(code));
  for (let at = 0, start = 0; at < code.length; at += 2) {
    const end = start + code[at + 1]!;
    if (code[at] === 1) bits.fill(1, start, end);
    start = end;
  }
  return bits;
}

/** How many bits a run-length code stands for; throws what {@link runLengthDecode} does. */
function codedBits(code: Uint8Array): number {
  if (code.length % 2 !== 0) {
    throw runLengthError('the last pair is cut off: its count is missing', code.length - 1);
  }
  let length = 0;
  for (let at = 0; at < code.length; at += 2) {
    if (code[at]! > 1) throw runLengthError(`the value is ${code[at]}, bits are 0 or 1`, at);
    if (code[at + 1] === 0) throw runLengthError('the count is 0, runs have 1 to 255 bits', at + 1);
    length += code[at + 1]!;
  }
  return length;
}

/** Rows of bits, run-length coded one behind the other. */
export interface CompressedRows {
  /** The code of all rows. */
  readonly code: Uint8Array;
  /** `[rows]`: the byte at which the code of each row begins. */
  readonly starts: Int32Array;
}

/**
 * Run-length codes of rows with `bitsPerRow` bits each, as `BitTransformer.forwardCompressed` and the op `decodeRunLength`
 * take them. A code has at most 2 bytes for each bit.
 *
 * @throws NonetError `E_CODEC`, with the row and the byte position, for a code that {@link runLengthDecode} refuses or that
 * has another number of bits
 */
export function compressedRows(codes: readonly Uint8Array[], bitsPerRow: number): CompressedRows {
  const starts = new Int32Array(codes.length);
  let bytes = 0;
  codes.forEach((code, row) => {
    starts[row] = bytes;
    bytes += code.length;
    const length = codedBits(code);
    if (length === bitsPerRow) return;
    const message = `run-length code of row ${row}: it has ${length} bits, a row has ${bitsPerRow}.`;
    throw new NonetError('E_CODEC', message, { row, length, bitsPerRow });
  });
  const all = new Uint8Array(bytes);
  codes.forEach((code, row) => all.set(code, starts[row]!));
  return { code: all, starts };
}

/** The lengths of the runs of equal bits, in order; their values alternate, starting with the first bit's. */
export function runLengths(bits: Uint8Array): Float64Array {
  requireBits(bits);
  // Counted first, so that millions of runs need no growing list.
  let count = bits.length === 0 ? 0 : 1;
  for (let at = 1; at < bits.length; at++) count += bits[at]! ^ bits[at - 1]!;
  const runs = new Float64Array(count);
  for (let run = 0, start = 0, end = 0; start < bits.length; run++, start = end) {
    const value = bits[start];
    while (end < bits.length && bits[end] === value) end++;
    runs[run] = end - start;
  }
  return runs;
}

export function runLengthError(what: string, position: number): NonetError {
  return new NonetError('E_CODEC', `run-length code, byte ${position}: ${what}.`, { position });
}
