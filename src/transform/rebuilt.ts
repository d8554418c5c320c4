import type { Tensor } from '../tensor/graph.js';

/** Values of the forward pass by what a backward pass has rebuilt in their place. */
export type Rebuilt = Map<Tensor, Tensor>;

let current: Rebuilt | undefined;

/** Runs one step of a backward pass, whose rules share `rebuilt`. Passes nest: each has a map of its own. */
export const withRebuilt = <R>(rebuilt: Rebuilt, body: () => R): R => {
  const before = current;
  current = rebuilt;
  try {
    return body();
  } finally {
    current = before;
  }
};

/** Says that `copy` is as good as `value` for all that is differentiated from here on. */
export const rebuild = (value: Tensor, copy: Tensor): void => {
  current?.set(value, copy);
};

/** The value as the running backward pass has it: rebuilt, or that of the forward pass. */
export const latest = (value: Tensor): Tensor => current?.get(value) ?? value;
