import { describe, expect, it } from 'vitest';
import { noPlateau } from './plateau.js';
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

  it('exponential takes the same share away at each step, from the first on', () => {
    const all = rates({ kind: 'exponential', learningRate: 1, warmupSteps: 3, rateDecay: 0.1 }, 6);
    const wanted = [0.25, 0.5, 0.75, 1, 1, 1].map((rate, i) => rate * 0.9 ** i);
    all.forEach((rate, i) => {
      expect(rate).toBeCloseTo(wanted[i]!, 12);
    });
  });

  it('cosineRestarts falls from the peak to the minimum again and again, each cycle longer', () => {
    const schedule = { kind: 'cosineRestarts', learningRate: 1, minLearningRate: 0.2, warmupSteps: 1 } as const;
    const all = rates({ ...schedule, period: 4, multiplier: 2 }, 30);
    expect(all[0]).toBe(0.5);
    expect([1, 5, 13, 29].map((step) => all[step])).toEqual([1, 1, 1, 1]);
    expect([3, 9, 21].map((step) => all[step])).toEqual([0.6, 0.6, 0.6].map((rate) => expect.closeTo(rate, 12)));
    expect(all.filter((rate) => rate === 1)).toHaveLength(4);
    expect(Math.min(...all)).toBeGreaterThan(0.2);
  });

  it('cosineRestarts fills the run with three cycles unless told', () => {
    const all = rates({ kind: 'cosineRestarts', learningRate: 1, warmupSteps: 3, multiplier: 2 }, 73);
    expect(all.flatMap((rate, step) => (rate === 1 ? [step] : []))).toEqual([3, 13, 33]);
    expect(all[72]).toBeLessThan(0.01);
  });

  it('linear falls in a straight line from the end of the warm-up to the minimum at the end', () => {
    const all = rates({ kind: 'linear', learningRate: 1, minLearningRate: 0.5, warmupSteps: 1 }, 6);
    expect(all).toEqual([0.5, 1, 0.9, 0.8, 0.7, 0.6].map((rate) => expect.closeTo(rate, 12)));
  });

  it('progressivePlateau divides by the root of 2 at every plateau and warms up again', () => {
    const schedule = { kind: 'progressivePlateau', learningRate: 1, minLearningRate: 0.4, warmupSteps: 3 } as const;
    const at = (step: number, count: number, since: number | null) =>
      learningRateAt({ ...schedule, rewarmSteps: 4 }, step, 1000, { ...noPlateau, count, since });
    expect([at(0, 0, null), at(2, 0, null), at(3, 0, null), at(900, 0, null)]).toEqual([0.25, 0.75, 1, 1]);
    expect(at(104, 1, 100)).toBeCloseTo(Math.SQRT1_2, 12);
    expect([at(100, 2, 100), at(103, 2, 100), at(104, 2, 100)]).toEqual([0.1, 0.4, expect.closeTo(0.5, 12)]);
    expect(at(900, 3, 100)).toBe(0.4);
    expect(learningRateAt(schedule, 199, 1000, { ...noPlateau, count: 2, since: 100 })).toBeLessThan(0.5);
    expect(learningRateAt(schedule, 200, 1000, { ...noPlateau, count: 2, since: 100 })).toBeCloseTo(0.5, 12);
  });

  it.each<Schedule>([
    { kind: 'constant', learningRate: 1, warmupSteps: 5 },
    { kind: 'cosine', learningRate: 1, warmupSteps: 5 },
    { kind: 'cosineRestarts', learningRate: 1, warmupSteps: 5 },
    { kind: 'cosineRestarts', learningRate: 1, period: 3, multiplier: 1 },
    { kind: 'linear', learningRate: 1, warmupSteps: 5 },
    { kind: 'oneCycle', learningRate: 1 },
    { kind: 'progressivePlateau', learningRate: 1, warmupSteps: 5 },
  ])('$kind is positive and never above the peak', (schedule) => {
    for (const total of [1, 2, 5, 50]) {
      for (const rate of rates(schedule, total)) {
        expect(rate).toBeGreaterThan(0);
        expect(rate).toBeLessThanOrEqual(1);
      }
    }
  });
});
