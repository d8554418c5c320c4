import { describe, expect, it } from 'vitest';
import { learningRateAt, type Schedule } from './schedule.js';

const rates = (schedule: Schedule, total: number): number[] =>
  Array.from({ length: total }, (_, step) => learningRateAt(schedule, step, total));

describe('schedules', () => {
  it('constant warms up linearly and stays', () => {
    expect(rates({ kind: 'constant', learningRate: 1, warmupSteps: 3 }, 6)).toEqual([0.25, 0.5, 0.75, 1, 1, 1]);
  });

  it('cosine is the one of nanoGPT: full after the warm-up, half way between the rates in the middle, min at the end', () => {
    const schedule = { kind: 'cosine', learningRate: 1e-3, minLearningRate: 1e-4, warmupSteps: 100 } as const;
    expect(learningRateAt(schedule, 0, 2000)).toBeCloseTo(1e-3 / 101, 12);
    expect(learningRateAt(schedule, 100, 2000)).toBe(1e-3);
    expect(learningRateAt(schedule, 1050, 2000)).toBeCloseTo(5.5e-4, 12);
    expect(learningRateAt(schedule, 1999, 2000)).toBeGreaterThan(1e-4);
    expect(learningRateAt(schedule, 2000, 2000)).toBe(1e-4);
    expect(learningRateAt(schedule, 9999, 2000)).toBe(1e-4);
  });

  it('oneCycle rises for its share of the steps and ends at the peak over the final divisor', () => {
    const all = rates({ kind: 'oneCycle', learningRate: 1, warmupShare: 0.3, finalDivisor: 100 }, 10);
    expect(all.slice(0, 4)).toEqual([0.25, 0.5, 0.75, 1]);
    expect(all[9]).toBeCloseTo(0.01, 12);
    expect(all[6]).toBeCloseTo(0.01 + 0.99 * 0.5, 12);
  });

  it.each<Schedule>([
    { kind: 'constant', learningRate: 1, warmupSteps: 5 },
    { kind: 'cosine', learningRate: 1, warmupSteps: 5 },
    { kind: 'oneCycle', learningRate: 1 },
  ])('$kind is positive and never above the peak', (schedule) => {
    for (const total of [1, 2, 5, 50]) {
      for (const rate of rates(schedule, total)) {
        expect(rate).toBeGreaterThan(0);
        expect(rate).toBeLessThanOrEqual(1);
      }
    }
  });
});
