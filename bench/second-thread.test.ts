import { describe, expect, it } from 'vitest';

interface Call {
  readonly ops: readonly string[];
  readonly bytes: number;
  readonly seconds: number;
}
type GainOfMix = (
  calls: readonly Call[],
  gains: Readonly<Record<string, number>>,
  sets: Readonly<Record<string, number>>,
) => number;
const { gainOfMix } = (await import(new URL('second-thread.mjs', import.meta.url).href)) as { gainOfMix: GainOfMix };

const gains = { fma: 2, l2: 1.6, l3: 1.5, memory: 1 };
const sets = { l2: 100, l3: 1000 };

describe('gainOfMix', () => {
  it('is the gain of the one thing that a program is limited by', () => {
    const gainOf = (ops: string[], bytes: number) => gainOfMix([{ ops, bytes, seconds: 3 }], gains, sets);
    expect(gainOf(['matmul', 'add'], 1e9)).toBe(2);
    expect(gainOf(['attentionGradient'], 1e9)).toBe(2);
    expect(gainOf(['add'], 100)).toBeCloseTo(1.6);
    expect(gainOf(['add'], 1000)).toBe(1.5);
    expect(gainOf(['add'], 1e9)).toBe(1);
  });

  it('weighs calls by the time that they take', () => {
    const calls = [
      { ops: ['matmul'], bytes: 1, seconds: 8 },
      { ops: ['add'], bytes: 1e9, seconds: 2 },
    ];
    expect(gainOfMix(calls, gains, sets)).toBeCloseTo(10 / 6);
  });
});
