/**
 * Variants of the run-length code for bits that the plain pairs write badly.
 *
 * - **delta**: the distances between changes. First byte: the first bit (0 or 1). Then the length of each run as an
 *   LEB128 number: seven bits a byte, least significant first, the top bit set where more follow, no needless last
 *   zero. One byte per run up to 127 bits, where pairs take two, and two up to 16383.
 * - **hierarchical**: runs of equal bytes, for bits that repeat in a pattern. First byte: how many bits of the last
 *   byte count (1 to 8). Then items over the packed bits: a control byte 0 to 127 is followed by that many plus one
 *   literal bytes, 128 to 255 by one byte that stands for itself that many minus 126 times (2 to 129). Never more than
 *   the packed bytes plus one in 128, plus one.
 * - **adaptive**: one byte that names the scheme (0 pairs, 1 delta, 2 hierarchical), then its code: the shortest of the
 *   three, the lower number where they tie.
 *
 * No bits are no bytes in every variant.
 */

import { type PackedBits, packBits, unpackBits } from './bits.js';
import { runLengthDecode, runLengthEncode, runLengthError, runLengths } from './run-length.js';

/** More bits than this are refused when decoding: a few damaged bytes could otherwise ask for terabytes. */
const MAX_BITS = 2 ** 31;

export function deltaEncode(bits: Uint8Array): Uint8Array {
  if (bits.length === 0) return new Uint8Array(0);
  const runs = runLengths(bits);
  let length = 1;
  for (const run of runs) for (let rest = run; rest > 0; rest = Math.floor(rest / 128)) length++;
  const code = new Uint8Array(length);
  code[0] = bits[0]!;
  let at = 1;
  for (const run of runs) {
    let rest = run;
    for (; rest > 127; rest = Math.floor(rest / 128)) code[at++] = (rest & 127) | 128;
    code[at++] = rest;
  }
  return code;
}

/** The inverse of {@link deltaEncode}; `E_CODEC`, with the byte position, for anything it does not write. */
export function deltaDecode(code: Uint8Array): Uint8Array {
  if (code.length === 0) return new Uint8Array(0);
  if (code[0]! > 1) throw runLengthError(`the first bit is ${code[0]}, bits are 0 or 1`, 0);
  if (code.length === 1) throw runLengthError('the first run is missing', 1);
  const { runs, total } = readNumbers(code, 1);
  const bits = new Uint8Array(total);
  let value = code[0]!;
  let start = 0;
  for (const run of runs) {
    if (value === 1) bits.fill(1, start, start + run);
    start += run;
    value ^= 1;
  }
  return bits;
}

function readNumbers(code: Uint8Array, from: number): { runs: number[]; total: number } {
  const runs: number[] = [];
  let total = 0;
  for (let at = from; at < code.length; ) {
    const start = at;
    let run = 0;
    let scale = 1;
    for (; (code[at] ?? 0) > 127; at++, scale *= 128) {
      run += (code[at]! & 127) * scale;
      if (run > MAX_BITS || scale > MAX_BITS) throw runLengthError('the run is too long', start);
    }
    const last = code[at];
    if (last === undefined) throw runLengthError('the last run is cut off', start);
    if (last === 0)
      throw runLengthError(at === start ? 'the run is 0 bits long' : 'the run is written with a needless zero', start);
    at++;
    run += last * scale;
    total += run;
    if (total > MAX_BITS) throw runLengthError(`more than ${MAX_BITS} bits`, start);
    runs.push(run);
  }
  return { runs, total };
}

const MAX_LITERALS = 128;
const MIN_REPEATS = 2;
const MAX_REPEATS = 129;

export function hierarchicalEncode(bits: Uint8Array): Uint8Array {
  const { bytes, bitLength } = packBits(bits);
  if (bitLength === 0) return new Uint8Array(0);
  const code = new Uint8Array(1 + bytes.length + Math.ceil(bytes.length / MAX_LITERALS));
  code[0] = bitLength - 8 * (bytes.length - 1);
  let length = 1;
  let literalsFrom = 0;
  const writeLiterals = (end: number): void => {
    for (let start = literalsFrom; start < end; start += MAX_LITERALS) {
      const chunk = bytes.subarray(start, Math.min(end, start + MAX_LITERALS));
      code[length++] = chunk.length - 1;
      code.set(chunk, length);
      length += chunk.length;
    }
  };
  for (let at = 0; at < bytes.length; ) {
    const repeats = repeatsAt(bytes, at);
    // A pair between literals saves nothing: it would end one group of literals and begin another.
    if (repeats >= 3 || (repeats === MIN_REPEATS && literalsFrom === at)) {
      writeLiterals(at);
      code[length++] = repeats - MIN_REPEATS + 128;
      code[length++] = bytes[at]!;
      literalsFrom = at + repeats;
    }
    at += repeats;
  }
  writeLiterals(bytes.length);
  return code.slice(0, length);
}

/** The inverse of {@link hierarchicalEncode}; `E_CODEC`, with the byte position, for what does not decode. */
export function hierarchicalDecode(code: Uint8Array): Uint8Array {
  if (code.length === 0) return new Uint8Array(0);
  const lastBits = code[0]!;
  if (lastBits < 1 || lastBits > 8) throw runLengthError(`the last byte has ${lastBits} bits, expected 1 to 8`, 0);
  if (code.length === 1) throw runLengthError('the first item is missing', 1);
  let length = 0;
  for (const { count } of readItems(code)) length += count;
  const packed: PackedBits = { bytes: new Uint8Array(length), bitLength: 8 * (length - 1) + lastBits };
  let start = 0;
  for (const { count, from, repeated } of readItems(code)) {
    if (repeated) packed.bytes.fill(code[from]!, start, start + count);
    else packed.bytes.set(code.subarray(from, from + count), start);
    start += count;
  }
  return unpackBits(packed);
}

interface Item {
  /** How many packed bytes it stands for. */
  readonly count: number;
  /** Where its bytes, or the one that is repeated, lie in the code. */
  readonly from: number;
  readonly repeated: boolean;
}

function* readItems(code: Uint8Array): Generator<Item> {
  for (let at = 1; at < code.length; ) {
    const control = code[at]!;
    const repeated = control >= 128;
    const count = repeated ? control - 128 + MIN_REPEATS : control + 1;
    const from = at + 1;
    const end = from + (repeated ? 1 : count);
    if (end > code.length) throw runLengthError(`the item is cut off: ${end - code.length} bytes are missing`, at);
    yield { count, from, repeated };
    at = end;
  }
}

function repeatsAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  const limit = Math.min(bytes.length, at + MAX_REPEATS);
  let end = at + 1;
  while (end < limit && bytes[end] === byte) end++;
  return end - at;
}

const SCHEMES = [
  { encode: runLengthEncode, decode: runLengthDecode },
  { encode: deltaEncode, decode: deltaDecode },
  { encode: hierarchicalEncode, decode: hierarchicalDecode },
] as const;

export function adaptiveEncode(bits: Uint8Array): Uint8Array {
  if (bits.length === 0) return new Uint8Array(0);
  const codes = SCHEMES.map(({ encode }) => encode(bits));
  const shortest = codes.reduce((best, code, scheme) => (code.length < codes[best]!.length ? scheme : best), 0);
  const tagged = new Uint8Array(codes[shortest]!.length + 1);
  tagged[0] = shortest;
  tagged.set(codes[shortest]!, 1);
  return tagged;
}

/** The inverse of {@link adaptiveEncode}; `E_CODEC` for an unknown scheme or a code that does not decode. */
export function adaptiveDecode(code: Uint8Array): Uint8Array {
  if (code.length === 0) return new Uint8Array(0);
  const scheme = SCHEMES[code[0]!];
  if (!scheme) throw runLengthError(`the scheme is ${code[0]}, expected 0 to ${SCHEMES.length - 1}`, 0);
  if (code.length === 1) throw runLengthError('nothing follows the scheme', 1);
  return scheme.decode(code.subarray(1));
}
