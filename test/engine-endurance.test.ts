import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { compile } from '../src/compile/compile.js';
import { type HostArray, hostArray, scalar } from '../src/compile/host-array.js';
import { State } from '../src/compile/state.js';
import { clipByGlobalNorm } from '../src/optim/index.js';
import {
  add,
  finite,
  gelu,
  guard,
  logicalNot,
  matmul,
  mul,
  randomNormal,
  sub,
  sum,
  type Tensor,
  type Tree,
} from '../src/tensor/index.js';
import { valueAndGrad } from '../src/transform/index.js';
import { native } from './engine-support.js';

const steps = 10_000;
/** Steps after which caches, the pool and the heap of JavaScript have the size that they keep. */
const warmUp = 1000;
/** What the resident size may differ by for reasons of the allocators; a leak of 4 KB a step would take 40 MB. */
const slack = 16 * 2 ** 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const size = 8;
const wave = (...shape: number[]): HostArray => {
  const count = shape.reduce((product, n) => product * n, 1);
  return hostArray(
    Float32Array.from({ length: count }, (_, i) => Math.sin(i)),
    shape,
  );
};

interface Weights {
  readonly inner: Tensor;
  readonly outer: Tensor;
}

/** A step of two layers with momentum, clipping, a guard, random numbers, and a result beside the donated state. */
const tiny = () => {
  const step = compile(
    ({ inner, outer, momentum, count }: Weights & { momentum: Tensor; count: Tensor }, x: Tensor) => {
      const loss = (tree: Tree<Tensor>): Tensor => {
        const weights = tree as unknown as Weights;
        const noisy = add(x, mul(randomNormal({ seed: count, step: count }, x.shape), 0.01));
        const error = sub(matmul(gelu(matmul(noisy, weights.inner)), weights.outer), x);
        return sum(mul(error, error));
      };
      const [value, gradients] = valueAndGrad(loss)({ inner, outer });
      const { tree, norm } = clipByGlobalNorm({ ...gradients }, 1);
      guard(logicalNot(finite(norm)), 'not-finite');
      const clipped = tree as unknown as Weights;
      const moved = add(mul(momentum, 0.9), clipped.outer);
      const state = {
        inner: sub(inner, mul(clipped.inner, 0.01)),
        outer: sub(outer, mul(moved, 0.01)),
        momentum: moved,
        count: add(count, 1),
      };
      return { state, loss: value };
    },
    { donate: 'state', executor: native },
  );
  const state = {
    inner: wave(size, size),
    outer: wave(size, size),
    momentum: hostArray(new Float32Array(size * size), [size, size]),
    count: scalar(0, 'i32'),
  };
  return { step, state: State.create(native, state) };
};

/** Memory once what nobody holds any more is gone; native handles are released a turn after their collection. */
const memoryNow = async (): Promise<{ native: number; resident: number }> => {
  for (let turn = 0; turn < 3; turn++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { native: native.addon.memory().current, resident: process.memoryUsage.rss() };
};

/** Stretches of steps at most: the heap of JavaScript may grow once more in one of them, a leak grows in all. */
const stretches = 3;

/**
 * Runs a stretch of warm-up and then all steps, and compares the memory before and after; again where the resident size grew.
 * Returns how many steps there were.
 */
const expectNoGrowth = async (run: (count: number) => Promise<number>): Promise<number> => {
  await run(warmUp);
  let grown = Number.POSITIVE_INFINITY;
  let count = warmUp;
  for (let i = 0; i < stretches && grown >= slack; i++) {
    const before = await memoryNow();
    const loss = await run(steps);
    const after = await memoryNow();
    count += steps;
    grown = after.resident - before.resident;
    expect(Number.isFinite(loss)).toBe(true);
    expect(after.native).toBe(before.native);
  }
  expect(grown).toBeLessThan(slack);
  return count;
};

describe.skipIf(native.name !== 'native')(`${steps} training steps take no more memory than the first`, () => {
  it('call by call', async () => {
    const { step, state } = tiny();
    const x = wave(4, size);
    let at = state;
    const taken = await expectNoGrowth(async (count) => {
      let loss = Number.NaN;
      for (let i = 0; i < count; i++) {
        const result = await step(at, x);
        at = result.state;
        loss = result.loss.item();
      }
      return loss;
    });
    expect(at.read('count').item()).toBe(taken);
  });

  it('many steps a call', async () => {
    const { step, state } = tiny();
    const atOnce = 100;
    const x = wave(atOnce, 4, size);
    let at = state;
    const taken = await expectNoGrowth(async (count) => {
      let loss = Number.NaN;
      for (let i = 0; i < count; i += atOnce) {
        const result = await step.repeat(atOnce, at, x);
        at = result.state;
        loss = result.loss.data.at(-1) as number;
      }
      return loss;
    });
    expect(at.read('count').item()).toBe(taken);
  });
});
