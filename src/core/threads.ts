import { NonetError } from './errors.js';

/** The most threads that the native core starts. */
export const maxThreads = 256;

/** Throws `E_CONFIG` for a number of threads that the native core cannot start; `given` is how the user wrote it. */
export const requireThreads = (threads: number, name: string, given: unknown = threads): void => {
  if (Number.isInteger(threads) && threads >= 1 && threads <= maxThreads) return;
  throw new NonetError('E_CONFIG', `${name} is ${given}; give a whole number from 1 to ${maxThreads}`);
};
