import { describe, expect, it } from 'vitest';
import { NativeExecutor } from '../src/compile/native/executor.js';
import { expectSameBits, native, poisoned } from './engine-support.js';
import { train, training } from './engine-training.js';

const { addon } = native;

describe('the memory of a training step', () => {
  it.each([1, 2])('is what its plan says, to the byte, on %i threads', async (threads) => {
    const before = addon.memory().current;
    const { step, state, batch } = training(new NativeExecutor(addon, threads));
    const plan = step.plan(state, ...batch(0));
    addon.resetPeak();
    const { state: next } = await step(state, ...batch(0));
    expect(addon.memory().peak - before).toBe(plan.peakBytes);
    addon.resetPeak();
    await step(next, ...batch(1));
    expect(addon.memory().peak - before).toBe(plan.peakBytes);
  });

  it('grows with the threads by their scratch alone', () => {
    const [one, two] = [1, 2].map((threads) => {
      const { step, state, batch } = training(new NativeExecutor(addon, threads));
      return step.plan(state, ...batch(0));
    });
    expect(two!.peakBytes - one!.peakBytes).toBe(one!.scratchBytes);
    expect(two!.scratchBytes).toBe(2 * one!.scratchBytes);
  });

  it('is shared by values that are not alive together, and by nothing else', async () => {
    const plain = await train(training(native), 3);
    expectSameBits(await poisoned(() => train(training(native), 3)), plain, 'with and without poison');
  });
});

describe('the poison', () => {
  it('reaches what is dead', async () => {
    const calls = await poisoned(async () => {
      const { step, state, batch } = training(native);
      return step.plan(state, ...batch(0)).calls;
    });
    expect(calls.filter(({ kernel }) => kernel === 'poison').length).toBeGreaterThan(20);
  });
});
