import { describe, it } from 'vitest';
import { hostArray, scalar } from '../src/compile/host-array.js';
import type { Tensor } from '../src/tensor/index.js';
import { randomGraph } from './engine-graphs.js';
import { expectClose, expectSameBits, runEverywhere } from './engine-support.js';

const attempt = async (seed: number, steps: number, sharp: boolean): Promise<void> => {
  const graph = randomGraph(seed, steps, sharp);
  const count = graph.inputs.length;
  const f = (...all: Tensor[]) =>
    graph.trace(all.slice(0, count), all[count]!, { seed: all[count + 1]!, step: all[count + 2]! });
  const condition = hostArray(Uint8Array.of(seed % 2), [], 'bool');
  const inputs = [...graph.inputs, condition, scalar(seed % 1000, 'i32'), scalar(7, 'i32')];
  const { plain, unoptimized, unshared, expected } = await runEverywhere(f, inputs);
  if (!sharp) expectClose(unoptimized, expected, 2e-4);
  expectSameBits(plain, unoptimized, `graph ${seed}: passes on and off`);
  expectSameBits(plain, unshared, `graph ${seed}: with and without memory reuse`);
};

const from = Number(process.env.FROM ?? 0);
const many = Number(process.env.MANY ?? 60);
const seeds = Array.from({ length: many }, (_, i) => from + i);

describe('random graphs', () => {
  it.each(seeds)('number %i gives the same bits with passes on and off, and what the reference gives', async (seed) => {
    await attempt(seed, 5 + (seed % 25), false);
  });
  it.each(seeds)('number %i, which rounds and compares, gives the same bits with passes on and off', async (seed) => {
    await attempt(seed, 5 + (seed % 25), true);
  });
});
