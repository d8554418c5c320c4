import { hostArray } from '../dist/compile/host-array.js';
import { State } from '../dist/compile/state.js';

const count = (shape) => shape.reduce((product, size) => product * size, 1);

/** Numbers in [-1, 1) from a fixed sequence. */
export const noise = (shape) => {
  let state = 12345;
  const data = Float32Array.from({ length: count(shape) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  return hostArray(data, shape);
};

/** Integers 0 .. below - 1 in no telling order. */
export const integers = (shape, below) =>
  hostArray(
    Int32Array.from({ length: count(shape) }, (_, i) => ((i * 7919 + (i >> 5) * 104729) >>> 0) % below),
    shape,
  );

/**
 * A competitor that runs a compiled function over a state which it donates: `n` times in one native call, so that the cost
 * of calls does not count.
 */
export const stateRunner = (executor, program, tree) => {
  let state = State.create(executor, tree);
  return {
    name: 'nonet',
    run: async (n) => {
      const start = performance.now();
      ({ state } = await program.repeat(n, state));
      return (performance.now() - start) / 1000;
    },
    read: (path) => state.read(path),
    free: () => state.free(),
  };
};
