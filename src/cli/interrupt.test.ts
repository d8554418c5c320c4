import { describe, expect, it } from 'vitest';
import { interruptible } from './interrupt.js';

const listeners = (): number => process.listenerCount('SIGINT') + process.listenerCount('SIGTERM');

describe('interruptible', () => {
  it('turns the first signal into a request to stop and gives the second one free', async () => {
    const before = listeners();
    let asked = 0;
    const result = await interruptible(
      async (signal) => {
        expect(listeners()).toBe(before + 2);
        process.emit('SIGINT');
        expect(listeners()).toBe(before);
        return signal.aborted;
      },
      () => asked++,
    );
    expect([result, asked]).toEqual([true, 1]);
  });

  it('listens no longer than the work takes, failed or not', async () => {
    const before = listeners();
    await expect(interruptible(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(listeners()).toBe(before);
  });
});
