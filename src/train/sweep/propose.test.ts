import { describe, expect, it } from 'vitest';
import type { SweepParameter } from './config.js';
import { proposeTrial, type SweepSpace, trialCount } from './propose.js';
import type { Settings } from './space.js';
import { densityOf, type Observation } from './tpe.js';

const range = (min: number, max: number, more: Partial<SweepParameter> = {}): SweepParameter => ({
  min,
  max,
  scale: 'linear',
  integer: false,
  ...more,
});
const choice = (...values: (string | number)[]): SweepParameter => ({ values, scale: 'linear', integer: false });

const spaceOf = (parameters: SweepSpace['parameters'], more: Partial<SweepSpace> = {}): SweepSpace => ({
  method: 'random',
  seed: 1,
  tpe: { startup: 8, quantile: 0.15, candidates: 24 },
  parameters,
  ...more,
});

/** All trials of a sweep over a function that takes no time. */
const search = (space: SweepSpace, objective: (settings: Settings) => number): Observation[] => {
  const history: Observation[] = [];
  for (let number = 0; number < trialCount(space); number++) {
    const settings = proposeTrial(space, number, history);
    history.push({ settings, value: objective(settings) });
  }
  return history;
};

describe('random trials', () => {
  it('are even on their scale, whole numbers alike at the ends and between', () => {
    const space = spaceOf({
      rate: range(1e-4, 1, { scale: 'log' }),
      layers: range(1, 4, { integer: true }),
      heads: range(1, 8, { integer: true, scale: 'log' }),
      kind: choice('a', 'b'),
    });
    const trials = Array.from({ length: 2000 }, (_, number) => proposeTrial(space, number, []));
    const share = (fits: (settings: Settings) => boolean): number => trials.filter(fits).length / trials.length;
    for (const exponent of [-4, -3, -2, -1]) {
      const decade = share(({ rate }) => Math.floor(Math.log10(rate as number)) === exponent);
      expect(Math.abs(decade - 0.25)).toBeLessThan(0.04);
    }
    for (const layers of [1, 2, 3, 4]) expect(Math.abs(share((s) => s.layers === layers) - 0.25)).toBeLessThan(0.04);
    // From 0.5 to 8.5 on a scale of logarithms, 1 has ln 3 of ln 17.
    expect(Math.abs(share((s) => s.heads === 1) - Math.log(3) / Math.log(17))).toBeLessThan(0.04);
    expect(Math.abs(share((s) => s.kind === 'a') - 0.5)).toBeLessThan(0.04);
  });

  it('are functions of seed and number alone, and do not repeat while there is something new', () => {
    const space = spaceOf({ a: choice(1, 2, 3), b: choice('x', 'y') }, { trials: 6 });
    const trials = search(space, () => 0);
    expect(search(space, () => 0)).toEqual(trials);
    expect(new Set(trials.map(({ settings }) => JSON.stringify(settings))).size).toBe(6);
    expect(search({ ...space, seed: 2 }, () => 0)).not.toEqual(trials);
  });
});

describe('a grid', () => {
  it('has every combination once, the last key changing first', () => {
    const parameters = {
      rate: range(0.001, 0.1, { scale: 'log', points: 3 }),
      layers: range(1, 2, { integer: true, points: 5 }),
      kind: choice('a', 'b'),
    };
    const space = spaceOf(parameters, { method: 'grid' });
    expect(trialCount(space)).toBe(12);
    const trials = search(space, () => 0).map(({ settings }) => Object.values(settings));
    expect(trials.slice(0, 5)).toEqual([
      [0.001, 1, 'a'],
      [0.001, 1, 'b'],
      [0.001, 2, 'a'],
      [0.001, 2, 'b'],
      [0.01, 1, 'a'],
    ]);
    expect(trials.at(-1)).toEqual([0.1, 2, 'b']);
    expect(new Set(trials.map(String)).size).toBe(12);
    expect(trialCount({ ...space, trials: 7 })).toBe(7);
    expect(trialCount({ ...space, trials: 100 })).toBe(12);
  });
});

const numbers = (settings: Settings): Record<string, number> => settings as Record<string, number>;

describe('the Tree-structured Parzen Estimator', () => {
  it.each<[string, SweepSpace['parameters'], (settings: Settings) => number]>([
    [
      'a bowl in the logarithms of two rates',
      { rate: range(1e-5, 1, { scale: 'log' }), decay: range(1e-4, 1, { scale: 'log' }) },
      (s) => (Math.log10(numbers(s).rate!) + 2.5) ** 2 + 0.3 * (Math.log10(numbers(s).decay!) + 1) ** 2,
    ],
    [
      'the function of Branin',
      { x: range(-5, 10), y: range(0, 15) },
      (s) => {
        const { x, y } = numbers(s) as { x: number; y: number };
        const bend = y - (5.1 / (4 * Math.PI ** 2)) * x ** 2 + (5 / Math.PI) * x - 6;
        return bend ** 2 + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) + 10 - 0.397887;
      },
    ],
    [
      'a rate, a whole number and a choice, of which a part fails',
      {
        rate: range(1e-5, 1, { scale: 'log' }),
        layers: range(1, 12, { integer: true }),
        kind: choice('a', 'b', 'c'),
      },
      (s) => {
        const { rate, layers } = numbers(s) as { rate: number; layers: number };
        if (rate > 0.1) return Number.POSITIVE_INFINITY;
        const ofKind = { a: 1, b: 0, c: 0.5 }[s.kind as string]!;
        return (Math.log10(rate) + 2.5) ** 2 + 0.05 * (layers - 7) ** 2 + ofKind;
      },
    ],
  ])('is on average of 20 seeds better than random search: %s', (_, parameters, objective) => {
    const meanBest = (method: 'random' | 'tpe'): number => {
      const bests = Array.from({ length: 20 }, (_, seed) => {
        const trials = search(spaceOf(parameters, { method, seed, trials: 40 }), objective);
        return Math.min(...trials.map(({ value }) => value));
      });
      return bests.reduce((sum, best) => sum + best, 0) / bests.length;
    };
    expect(meanBest('tpe')).toBeLessThan(0.75 * meanBest('random'));
  });

  it('begins with the trials of random search and then is a function of seed, number and results', () => {
    const parameters = { rate: range(1e-5, 1, { scale: 'log' }) };
    const random = search(spaceOf(parameters, { trials: 8 }), () => 0);
    const space = spaceOf(parameters, { method: 'tpe', trials: 12 });
    const trials = search(space, (s) => numbers(s).rate!);
    expect(trials.slice(0, 8).map(({ settings }) => settings)).toEqual(random.map(({ settings }) => settings));
    expect(search(space, (s) => numbers(s).rate!)).toEqual(trials);
    expect(search(space, (s) => -numbers(s).rate!).slice(8)).not.toEqual(trials.slice(8));
  });

  it.each<[string, SweepParameter, readonly number[]]>([
    ['a range', range(-1, 3), [0, 0.1, 2.9]],
    ['a range that is seen at its ends', range(0, 1), [0, 0, 1]],
    ['whole numbers', range(1, 5, { integer: true }), [1, 1, 4]],
    ['whole numbers on a scale of logarithms', range(1, 64, { integer: true, scale: 'log' }), [2, 30]],
  ])('has densities that add up to 1: %s', (_, parameter, seen) => {
    const { at } = densityOf(parameter, seen);
    const { min = 0, max = 0, integer } = parameter;
    const steps = integer ? max - min + 1 : 20_000;
    const values = Array.from({ length: steps }, (_, i) =>
      integer ? min + i : min + ((i + 0.5) / steps) * (max - min),
    );
    // Of a range it is the density of the place, from 0 to 1.
    const sum = values.reduce((total, value) => total + at(value), 0) / (integer ? 1 : steps);
    expect(sum).toBeCloseTo(1, 3);
  });

  it('draws what it has seen more often, and all else too', () => {
    const density = densityOf(choice('a', 'b', 'c'), ['b', 'b', 'b', 'c']);
    expect([density.at('a'), density.at('b'), density.at('c')]).toEqual([1 / 7, 4 / 7, 2 / 7]);
    expect([0.1, 0.2, 0.7, 0.72, 0.99].map((u) => density.draw(() => u))).toEqual(['a', 'b', 'b', 'c', 'c']);
  });
});
