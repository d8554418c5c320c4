import type { NamedArray } from '../checkpoint/index.js';
import type { State } from '../compile/state.js';
import { readArrays, writeArrays } from './arrays.js';

/*
 * Training over streams (train.stream): every row of a batch walks its own part of the data in order, and the keys and
 * values that a window leaves to the next one are part of the state.
 */

const prefix = 'stream';

/** All that a state keeps besides the parameters, as checkpoints hold it: what the optimizer keeps, and what is carried. */
export const readKept = (state: State): NamedArray[] => [
  ...readArrays(state, 'optimizer'),
  ...readArrays(state, prefix).map((array) => ({ ...array, name: `${prefix}.${array.name}` })),
];

/** Puts it back. Throws `E_CHECKPOINT` where it is missing or of another form. */
export const writeKept = (state: State, arrays: readonly NamedArray[], source: string): void => {
  writeArrays(state, 'optimizer', arrays, source);
  const carried = arrays.filter(({ name }) => name.startsWith(`${prefix}.`));
  writeArrays(
    state,
    prefix,
    carried.map((array) => ({ ...array, name: array.name.slice(prefix.length + 1) })),
    source,
  );
};
