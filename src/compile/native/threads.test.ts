import { afterEach, describe, expect, it, vi } from 'vitest';
import { maxThreads } from '../../core/threads.js';
import { setThreads } from '../default-executor.js';
import type { NativeAddon } from './addon.js';
import { threadCount } from './executor.js';

const machine = (threads: number): NativeAddon => ({ describe: () => ({ threads }) }) as unknown as NativeAddon;

describe('the number of native threads', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('is that of the cores, as far as the core can start so many', () => {
    vi.stubEnv('NONET_THREADS', '');
    expect(threadCount(machine(6))).toBe(6);
    expect(threadCount(machine(4 * maxThreads))).toBe(maxThreads);
  });

  it('is what NONET_THREADS says', () => {
    vi.stubEnv('NONET_THREADS', '3');
    expect(threadCount(machine(6))).toBe(3);
  });

  it.each(['0', '-1', '1.5', 'all', '257'])('refuses NONET_THREADS=%s and says what it takes', (text) => {
    vi.stubEnv('NONET_THREADS', text);
    expect(() => threadCount(machine(6))).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringMatching(/NONET_THREADS is .*from 1 to 256/) }),
    );
  });

  it.each([0, 1.5, 257])('is refused when a caller asks for %d', (threads) => {
    expect(() => setThreads(threads)).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
  });
});
