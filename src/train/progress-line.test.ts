import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatProgress, type ProgressFacts } from './progress-line.js';

const FACTS: ProgressFacts = {
  step: 50,
  steps: 2000,
  loss: 0.34567,
  bitsPerByte: 2.7654,
  validationBitsPerByte: 2.8,
  bytesPerSecond: 123_456,
  bitsPerSecond: 987_654,
  flopsPerSecond: 4.5e10,
  peakShare: 0.61,
  secondsLeft: 75,
};

describe('formatProgress', () => {
  it('tells step, loss, bits per byte, speeds, share of peak and what is left', () => {
    expect(formatProgress(FACTS)).toBe(
      'step   50/2000  loss 0.3457  2.765 bits/byte  validation 2.800  123 kB/s  988 kbit/s  45.0 GFLOP/s  ' +
        '61.0% of peak  1 m 15 s left',
    );
  });

  it('tells the accuracy of a model that has one', () => {
    expect(formatProgress({ ...FACTS, accuracy: 0.4567 }, 70)).toBe(
      'step   50/2000  2.765 bits/byte  validation 2.800  1 m 15 s left',
    );
    expect(formatProgress({ ...FACTS, accuracy: 0.4567 })).toContain('2.765 bits/byte  45.7% right  validation 2.800');
  });

  it('leaves out what is not known', () => {
    expect(formatProgress({ step: 1, steps: 9, loss: 0.5 })).toBe('step 1/9  loss 0.5000');
  });

  it('keeps what matters most on a narrow terminal', () => {
    expect(formatProgress(FACTS, 50)).toBe('step   50/2000  2.765 bits/byte  validation 2.800');
    expect(formatProgress(FACTS, 40)).toBe('step   50/2000  2.765 bits/byte');
  });

  it('is never wider than the terminal', () => {
    fc.assert(
      fc.property(fc.nat(160), (width) => {
        expect(formatProgress(FACTS, width).length).toBeLessThanOrEqual(width);
      }),
    );
  });

  it('shows a loss that is no number', () => {
    expect(formatProgress({ step: 1, steps: 9, loss: Number.NaN })).toContain('loss NaN');
  });
});
