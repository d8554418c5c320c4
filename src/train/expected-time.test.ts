import { describe, expect, it } from 'vitest';
import type { PlannedCall } from '../compile/executor.js';
import { expectedSeconds } from './expected-time.js';

const call = (kernel: string, of: Partial<PlannedCall>): PlannedCall => ({
  ...{ kernel, ops: [], scope: '', shape: [], flops: 0, bytes: 0, aliveBytes: 0, attached: false },
  ...of,
});
const speed = { peak: 100, bandwidth: 10 };

describe('expectedSeconds', () => {
  it('takes products by their FLOPs and all else by memory or by arithmetic, whichever is longer', () => {
    expect(expectedSeconds([call('gemm', { flops: 70, bytes: 1e6 })], speed)).toBeCloseTo(1, 12);
    expect(expectedSeconds([call('rowProgram', { flops: 1, bytes: 12 })], speed)).toBeCloseTo(2, 12);
    expect(expectedSeconds([call('rowProgram', { flops: 50, bytes: 12 })], speed)).toBeCloseTo(10, 12);
  });

  it('adds calls up, those that run inside of the one before left out', () => {
    const calls = [
      call('gemm', { flops: 70 }),
      call('rowProgram', { bytes: 60, attached: true }),
      call('copy', { bytes: 6 }),
    ];
    expect(expectedSeconds(calls, speed)).toBeCloseTo(2, 12);
  });
});
