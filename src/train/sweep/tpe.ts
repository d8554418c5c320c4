/**
 * The Tree-structured Parzen Estimator of Bergstra, Bardenet, Bengio and Kegl 2011 ("Algorithms for Hyper-Parameter
 * Optimization"). The trials so far are split at a quantile of their results. From the better ones a density l(x) is made, from
 * the others g(x), each a product over the parameters. The expected improvement grows with l(x) / g(x), so of some draws
 * from l the one with the greatest quotient is tried next.
 */

import type { SweepConfig, SweepParameter } from './config.js';
import { cellOf, placeOf, type Range, rangeOf, type Settings, type Value, valueAt } from './space.js';

/** A trial with its result; the lower the better, infinite where it failed. */
export interface Observation {
  readonly settings: Settings;
  readonly value: number;
}

/** Uniform numbers in [0, 1), one after the other. */
export type Draw = () => number;

/** Settings that promise to be better than most of `history`, which is not empty. */
export const proposeByTpe = (
  { parameters, tpe }: Pick<SweepConfig, 'parameters' | 'tpe'>,
  history: readonly Observation[],
  draw: Draw,
): Settings => {
  const ranked = [...history].sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
  const count = Math.ceil(tpe.quantile * ranked.length);
  const valuesOf = (key: string, trials: readonly Observation[]): Value[] =>
    trials.flatMap(({ settings }) => (key in settings ? [settings[key] as Value] : []));
  const densities = Object.entries(parameters).map(([key, parameter]) => ({
    key,
    better: densityOf(parameter, valuesOf(key, ranked.slice(0, count))),
    other: densityOf(parameter, valuesOf(key, ranked.slice(count))),
  }));

  let chosen: { readonly settings: Settings; readonly promise: number } | undefined;
  for (let i = 0; i < tpe.candidates; i++) {
    const settings: Record<string, Value> = {};
    let promise = 0;
    for (const { key, better, other } of densities) {
      const value = better.draw(draw);
      settings[key] = value;
      promise += Math.log(better.at(value)) - Math.log(other.at(value));
    }
    if (!chosen || promise > chosen.promise) chosen = { settings, promise };
  }
  return chosen?.settings ?? {};
};

/** A density over the values of one parameter. */
export interface Density {
  readonly at: (value: Value) => number;
  readonly draw: (draw: Draw) => Value;
}

/** The density that the values of some trials make, a uniform prior among them. */
export const densityOf = (parameter: SweepParameter, seen: readonly Value[]): Density => {
  const range = rangeOf(parameter);
  return range ? parzen(range, seen as readonly number[]) : counts(parameter.values ?? [], seen);
};

/** Of N values each has a weight of 1 + how often it was seen: N p + C with p = 1 / N. */
const counts = (values: readonly Value[], seen: readonly Value[]): Density => {
  const texts = values.map((value) => JSON.stringify(value));
  const weights = texts.map((text) => 1 + seen.filter((value) => JSON.stringify(value) === text).length);
  const total = values.length + seen.length;
  return {
    at: (value) => (weights[texts.indexOf(JSON.stringify(value))] ?? 0) / total,
    draw: (draw) => values[pick(weights, draw())] as Value,
  };
};

/**
 * A mixture of Gaussians on the places 0 to 1, cut off there: one at each trial and a wide one in the middle, all of the
 * same weight. Each is as wide as the greater of the distances to its two neighbours, within bounds that narrow with the
 * number of trials.
 */
const parzen = (range: Range, seen: readonly number[]): Density => {
  const means = [0.5, ...seen.map((value) => placeOf(range, value))];
  const order = [...means].sort((a, b) => a - b);
  const least = 1 / Math.min(100, means.length + 1);
  const gaussians = means.map((mean, i) => {
    const at = order.indexOf(mean);
    const distances = [mean - (order[at - 1] ?? mean), (order[at + 1] ?? mean) - mean];
    const deviation = i === 0 ? 1 : Math.min(1, Math.max(least, ...distances));
    const mass = normalMass(mean, deviation, 0, 1);
    return { mean, deviation, mass };
  });
  const mixed = (density: (gaussian: (typeof gaussians)[number]) => number): number =>
    gaussians.reduce((sum, gaussian) => sum + density(gaussian) / gaussian.mass, 0) / gaussians.length;
  return {
    at: (value) => {
      const cell = cellOf(range, value as number);
      if (cell) return mixed(({ mean, deviation }) => normalMass(mean, deviation, ...cell));
      const place = placeOf(range, value as number);
      return mixed(({ mean, deviation }) => normalDensity((place - mean) / deviation) / deviation);
    },
    draw: (draw) => {
      const { mean, deviation } = gaussians[Math.floor(draw() * gaussians.length)] as (typeof gaussians)[number];
      // More than a third of each lies within the range, so that this ends soon.
      for (;;) {
        const place = mean + deviation * normal(draw);
        if (place >= 0 && place <= 1) return valueAt(range, place);
      }
    },
  };
};

/** An index with a probability in proportion to its weight. */
const pick = (weights: readonly number[], uniform: number): number => {
  const target = uniform * weights.reduce((sum, weight) => sum + weight, 0);
  let passed = 0;
  return weights.findIndex((weight) => {
    passed += weight;
    return target < passed;
  });
};

/** Box and Muller 1958. */
const normal = (draw: Draw): number => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());

const normalDensity = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

const normalMass = (mean: number, deviation: number, from: number, to: number): number =>
  // Never 0, also where the ends are far away: a logarithm is taken of it.
  Math.max(
    1e-12,
    (errorFunction((to - mean) / deviation / Math.SQRT2) - errorFunction((from - mean) / deviation / Math.SQRT2)) / 2,
  );

/** To 1.5e-7: Abramowitz and Stegun 1964, 7.1.26. */
const errorFunction = (x: number): number => {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
};
