/**
 * Counter-based random numbers: every value is a function of (key, counter), nothing is stored between calls, so a
 * batch or a shuffle can be evaluated at any step without the steps before it.
 */

import { NonetError } from './errors.js';

/** The two 32-bit words that select a stream. Callers derive them from the seed and a stream number. */
export type RandomKey = readonly [key0: number, key1: number];

/**
 * The key of one use of a seed (an integer from 0 to 2^53 - 1): `stream` sets it apart from every other use, the counters
 * from the same use at another place.
 */
export const seedKey = (seed: number, stream: number, counter0: number, counter1 = 0): RandomKey =>
  threefry2x32(seed % 2 ** 32, Math.floor(seed / 2 ** 32) ^ stream, counter0, counter1);

/** Parity word of the Threefry key schedule for 32-bit words. */
const KEY_PARITY = 0x1bd11bda;

/**
 * Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011).
 * All four arguments are taken modulo 2^32; both results are unsigned 32-bit integers. Distinct counters under one key
 * give distinct pairs.
 *
 * @example
 * const [first, second] = threefry2x32(seed, stream, step, 0);
 */
export function threefry2x32(key0: number, key1: number, counter0: number, counter1: number): [number, number] {
  const k0 = key0 | 0;
  const k1 = key1 | 0;
  const k2 = KEY_PARITY ^ k0 ^ k1;
  let a = (counter0 + k0) | 0;
  let b = (counter1 + k1) | 0;

  // Written out: a loop over a table of rotations costs three times as much in V8.
  a = (a + b) | 0;
  b = ((b << 13) | (b >>> 19)) ^ a;
  a = (a + b) | 0;
  b = ((b << 15) | (b >>> 17)) ^ a;
  a = (a + b) | 0;
  b = ((b << 26) | (b >>> 6)) ^ a;
  a = (a + b) | 0;
  b = ((b << 6) | (b >>> 26)) ^ a;
  a = (a + k1) | 0;
  b = (b + k2 + 1) | 0;

  a = (a + b) | 0;
  b = ((b << 17) | (b >>> 15)) ^ a;
  a = (a + b) | 0;
  b = ((b << 29) | (b >>> 3)) ^ a;
  a = (a + b) | 0;
  b = ((b << 16) | (b >>> 16)) ^ a;
  a = (a + b) | 0;
  b = ((b << 24) | (b >>> 8)) ^ a;
  a = (a + k2) | 0;
  b = (b + k0 + 2) | 0;

  a = (a + b) | 0;
  b = ((b << 13) | (b >>> 19)) ^ a;
  a = (a + b) | 0;
  b = ((b << 15) | (b >>> 17)) ^ a;
  a = (a + b) | 0;
  b = ((b << 26) | (b >>> 6)) ^ a;
  a = (a + b) | 0;
  b = ((b << 6) | (b >>> 26)) ^ a;
  a = (a + k0) | 0;
  b = (b + k1 + 3) | 0;

  a = (a + b) | 0;
  b = ((b << 17) | (b >>> 15)) ^ a;
  a = (a + b) | 0;
  b = ((b << 29) | (b >>> 3)) ^ a;
  a = (a + b) | 0;
  b = ((b << 16) | (b >>> 16)) ^ a;
  a = (a + b) | 0;
  b = ((b << 24) | (b >>> 8)) ^ a;
  a = (a + k1) | 0;
  b = (b + k2 + 4) | 0;

  a = (a + b) | 0;
  b = ((b << 13) | (b >>> 19)) ^ a;
  a = (a + b) | 0;
  b = ((b << 15) | (b >>> 17)) ^ a;
  a = (a + b) | 0;
  b = ((b << 26) | (b >>> 6)) ^ a;
  a = (a + b) | 0;
  b = ((b << 6) | (b >>> 26)) ^ a;
  a = (a + k2) | 0;
  b = (b + k0 + 5) | 0;

  return [a >>> 0, b >>> 0];
}

/**
 * An integer in `0 .. bound - 1`, uniform up to a bias below `bound / 2^53`.
 *
 * @param counter index of the draw within the stream, `0 .. 2^53 - 1`
 * @param bound `1 .. 2^53 - 1`
 */
export function randomInteger(key0: number, key1: number, counter: number, bound: number): number {
  requireInteger('bound', bound, 1);
  requireInteger('counter', counter, 0);
  return Math.floor(unitInterval(key0, key1, counter) * bound);
}

/** A number in `[0, 1)` with 53 random bits. `counter` as in {@link randomInteger}. */
export function unitInterval(key0: number, key1: number, counter: number): number {
  const [high, low] = threefry2x32(key0, key1, counter % 0x1_0000_0000, Math.floor(counter / 0x1_0000_0000));
  return (high * 0x20_0000 + (low >>> 11)) / 0x20_0000_0000_0000;
}

const FEISTEL_ROUNDS = 8;

/**
 * Where `index` goes in the pseudo-random permutation of `0 .. size - 1` selected by `key`, without building the
 * permutation. A Feistel network over the smallest power of two that holds `size` is a bijection there; applying it
 * until the value falls below `size` ("cycle walking", Black and Rogaway 2002) makes it one of `0 .. size - 1`. Fewer
 * than two walks are needed on average.
 */
export function permute(index: number, size: number, key: RandomKey): number {
  requireInteger('size', size, 1);
  requireInteger('index', index, 0);
  if (index >= size) {
    throw new NonetError('E_DATA', `permute: index ${index} lies outside of 0..${size - 1}.`, { index, size });
  }
  const bits = bitsToHold(size);
  let value = index;
  do value = feistel(value, bits, key);
  while (value >= size);
  return value;
}

/** One pass of the network over `0 .. 2^bits - 1`, `bits` at most 53; halves differ by one bit where `bits` is odd. */
function feistel(value: number, bits: number, key: RandomKey): number {
  let leftBits = bits >> 1;
  let rightBits = bits - leftBits;
  let left = Math.floor(value / (1 << rightBits));
  let right = value % (1 << rightBits);
  // The halves swap widths in every round; the number of rounds is even, so they end as they started.
  for (let round = 0; round < FEISTEL_ROUNDS; round++) {
    const [mix] = threefry2x32(key[0], key[1], right, (bits << 8) | round);
    const mixed = (left ^ mix) & ((1 << leftBits) - 1);
    left = right;
    right = mixed;
    [leftBits, rightBits] = [rightBits, leftBits];
  }
  return left * (1 << rightBits) + right;
}

function bitsToHold(size: number): number {
  let bits = 0;
  for (let power = 1; power < size; power *= 2) bits++;
  return bits;
}

function requireInteger(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new NonetError(
      'E_DATA',
      `random numbers: ${name} is ${value}, expected an integer from ${least} to 2^53 - 1.`,
      {
        [name]: value,
      },
    );
  }
}
