import { threefry2x32 } from '../core/random.js';

const ROUNDS = 6;

/**
 * Place `index` of a shuffle of 0 .. count - 1, as a function of its arguments alone: no table, and any place at any time.
 * A Feistel network (Luby and Rackoff 1988) with Threefry as its round function shuffles the next even power of two;
 * what falls outside of the count walks on along its cycle until it is inside (Black and Rogaway 2002).
 *
 * @param key two 32-bit words that name the shuffle
 * @param count from 1 to 2^52
 */
export const permuted = (index: number, count: number, [key0, key1]: readonly [number, number]): number => {
  const halfBits = Math.max(1, Math.ceil(Math.log2(Math.max(2, count)) / 2));
  const half = 2 ** halfBits;
  let at = index;
  do {
    let [left, right] = [Math.floor(at / half), at % half];
    for (let round = 0; round < ROUNDS; round++) {
      const [word] = threefry2x32(key0, key1, right, round);
      [left, right] = [right, xorBits(left, word % half)];
    }
    at = left * half + right;
  } while (at >= count);
  return at;
};

/** Halves have at most 26 bits. */
const xorBits = (a: number, b: number): number => (a ^ b) >>> 0;
