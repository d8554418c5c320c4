import { expect } from 'vitest';
import { bitsOf, type Data } from './assemble.js';

/** Fails at the first element whose error, relative to `max(1, |want|)`, is above the tolerance. */
export const expectClose = (
  got: Data,
  want: ArrayLike<number> | ((index: number) => number),
  tolerance = 1e-4,
  what = 'result',
): void => {
  if (typeof want !== 'function') expect(got.length, what).toBe(want.length);
  for (let i = 0; i < got.length; i++) {
    const expected = typeof want === 'function' ? want(i) : want[i]!;
    const error = Math.abs(got[i]! - expected) / Math.max(1, Math.abs(expected));
    if (!(error <= tolerance)) expect.fail(`${what}: element ${i} is ${got[i]}, expected ${expected}`);
  }
};

export const sameBits = (a: Data, b: Data): boolean => Buffer.compare(bitsOf(a), bitsOf(b)) === 0;
