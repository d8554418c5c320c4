import { describe, it } from 'vitest';
import { compile } from '../src/compile/compile.js';
import { type HostArray, hostArray, scalar } from '../src/compile/host-array.js';
import { State } from '../src/compile/state.js';
import type { RandomSource, Tensor } from '../src/tensor/index.js';
import { type RandomGraph, randomGraph } from './engine-graphs.js';
import {
  expectClose,
  expectSameBits,
  expectSameEverywhere,
  native,
  poisoned,
  reference,
  runEverywhere,
} from './engine-support.js';

const condition = (seed: number): HostArray => hostArray(Uint8Array.of(seed % 2), [], 'bool');

const runGraph = (graph: RandomGraph, seed: number) => {
  const count = graph.inputs.length;
  const f = (...all: Tensor[]) =>
    graph.trace(all.slice(0, count), all[count]!, { seed: all[count + 1]!, step: all[count + 2]! });
  return runEverywhere(f, [...graph.inputs, condition(seed), scalar(seed % 1000, 'i32'), scalar(7, 'i32')]);
};

/** Two repetitions in one call, with the inputs as a state that is carried along: stacked results and the final state. */
const runSteps = async (
  graph: RandomGraph,
  seed: number,
  options: Parameters<typeof compile>[1],
): Promise<HostArray[]> => {
  const step = compile(
    (state: Record<string, Tensor>, skip: Tensor, random: RandomSource) => {
      const { next, results } = graph.step(Object.values(state), skip, random);
      return { state: Object.fromEntries(next.map((tensor, i) => [`leaf${i}`, tensor])), results };
    },
    { ...options, donate: 'state' },
  );
  const leaves = Object.fromEntries(graph.inputs.map((array, i) => [`leaf${i}`, array]));
  const twice = (a: number, b: number): HostArray => hostArray(Int32Array.of(a, b));
  const skips = hostArray(Uint8Array.of(seed % 2, (seed >> 1) % 2), [2], 'bool');
  const random = { seed: twice(seed, seed), step: twice(1, 2) };
  const { state, results } = await step.repeat(2, State.create(options?.executor ?? native, leaves), skips, random);
  return [...results, ...Object.keys(leaves).map((path) => (state as State).read(path))];
};

/** `NONET_TEST_GRAPHS=20000:1500` looks at others than the usual ones: so many from that number on. */
const [first = 0, count = 60] = (process.env.NONET_TEST_GRAPHS ?? '').split(':').filter(Boolean).map(Number);
const seeds = Array.from({ length: count }, (_, i) => first + i);
const steps = (seed: number): number => 5 + (seed % 25);

describe('random graphs', () => {
  it.each(seeds)('number %i gives the same bits with passes on and off, and what the reference gives', async (seed) => {
    const results = await runGraph(randomGraph(seed, steps(seed), false), seed);
    expectClose(results.unoptimized, results.expected, 2e-4);
    expectSameEverywhere(results, `graph ${seed}`);
  });

  it.each(seeds)('number %i, which rounds and compares, gives the same bits with passes on and off', async (seed) => {
    expectSameEverywhere(await runGraph(randomGraph(seed, steps(seed), true), seed), `graph ${seed}`);
  });

  it.each(seeds)('number %i over a donated state reads every old value before it is overwritten', async (seed) => {
    const graph = randomGraph(seed, steps(seed), false);
    const plain = await runSteps(graph, seed, { executor: native });
    expectClose(plain, await runSteps(graph, seed, { executor: reference }), 1e-3);
    expectSameBits(
      plain,
      await runSteps(graph, seed, { executor: native, optimize: false }),
      `graph ${seed}: passes on and off`,
    );
    expectSameBits(
      plain,
      await runSteps(graph, seed, { executor: native, reuse: false }),
      `graph ${seed}: memory reuse`,
    );
    const poison = await poisoned(() => runSteps(graph, seed, { executor: native }));
    expectSameBits(plain, poison, `graph ${seed}: with and without poison`);
  });
});
