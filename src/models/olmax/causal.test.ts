import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.js';
import { ReferenceExecutor } from '../../compile/reference/executor.js';
import { bind } from '../../nn/index.js';
import { f32, randomParameters } from '../../nn/test-support.js';
import { mul, sum, type Tensor, type Tree } from '../../tensor/index.js';
import { grad } from '../../transform/index.js';
import { Olmax } from './model.js';
import { tiny } from './test-support.js';

const executor = new ReferenceExecutor();

/** Every length from 4 to 128, with kernels of half of it and, where that is whole, of its root. */
const cases = [4, 8, 16, 32, 64, 128].flatMap((length) => {
  const root = Math.sqrt(length);
  const kernels = new Set([length / 2, ...(Number.isInteger(root) ? [root] : [])]);
  const all = [...kernels].flatMap((kernel) => [2, 8].map((depth) => ({ length, kernel, depth, devices: 1 as 1 | 4 })));
  return length === 16 ? [...all, ...all.map((one) => ({ ...one, devices: 4 as const }))] : all;
});

describe('an olmax model', () => {
  it.each(cases)(
    'is causal over $length positions with kernel $kernel, depth $depth and $devices devices',
    async (one) => {
      const { length, kernel, depth, devices } = one;
      // Few features and taps: only mixers reach far, and float64 takes a while.
      const model = new Olmax({
        ...tiny,
        ...{ contextLength: length, spatialMixingKernel: kernel, depth, devices },
        ...{ features: 2, pointwiseFeatures: 2, innerBottleneckFeatures: 2 },
        ...{ pointwiseKernel: 2, outerBottleneckKernel: 2 },
        leakySlope: 0.5,
        reversible: false,
      });
      const slopes = compile(
        (p: Tree<Tensor>, x: Tensor, mask: Tensor) =>
          bind(model, p, () => grad((vectors: Tensor) => sum(mul(model.statesOfVectors(vectors), mask)))(x)),
        { executor },
      );
      const parameters = randomParameters(model, length + depth, 1);
      const vectors = f32(
        Array.from({ length: 2 * length }, (_, i) => Math.sin(i * i + 1)),
        [1, length, 2],
      );
      for (const at of new Set([0, 1, length / 2 - 1, length / 2, length - 1])) {
        const mask = f32(
          Array.from({ length: 2 * length }, (_, i) => (Math.floor(i / 2) === at ? 1 + (i % 2) : 0)),
          [1, length, 2],
        );
        const { data } = await slopes(parameters, vectors, mask);
        const reached = Array.from({ length }, (_, t) => data[2 * t] !== 0 || data[2 * t + 1] !== 0);
        // A kernel of the root needs one block along each of its axes, and half of the length two: both have two.
        expect(reached).toEqual(Array.from({ length }, (_, t) => t <= at));
      }
    },
  );
});
