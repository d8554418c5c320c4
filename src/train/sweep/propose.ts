import { seedKey, unitInterval } from '../../core/random.js';
import type { SweepConfig, SweepParameter } from './config.js';
import { gridValues, rangeOf, type Settings, type Value, valueAt } from './space.js';
import { type Draw, type Observation, proposeByTpe } from './tpe.js';

/** Keeps these numbers apart from those that other uses of the same seed draw. */
const sweepStream = 0x7377_6570;

/** What decides about a trial. */
export type SweepSpace = Pick<SweepConfig, 'method' | 'seed' | 'parameters' | 'tpe' | 'trials'>;

/** How many trials a sweep has. */
export const trialCount = ({ method, trials, parameters }: SweepSpace): number => {
  if (method !== 'grid') return trials ?? 20;
  const all = Object.values(parameters).reduce((count, parameter) => count * gridValues(parameter).length, 1);
  return Math.min(all, trials ?? all);
};

/** So often something else is looked for where a draw repeats an earlier trial, which would give the same again. */
const mostRepeats = 50;

/**
 * The settings of a trial, of which 0 is the first: a function of the seed and the trials before it, in their order, alone.
 */
export const proposeTrial = (space: SweepSpace, number: number, history: readonly Observation[]): Settings => {
  if (space.method === 'grid') return gridPoint(space.parameters, number);
  const [key0, key1] = seedKey(space.seed, sweepStream, number);
  let counter = 0;
  const draw: Draw = () => unitInterval(key0, key1, counter++);
  const byTpe = space.method === 'tpe' && history.length >= space.tpe.startup;
  const propose = (): Settings => (byTpe ? proposeByTpe(space, history, draw) : drawn(space.parameters, draw));
  const before = new Set(history.map(({ settings }) => JSON.stringify(settings)));
  let settings = propose();
  for (let i = 0; i < mostRepeats && before.has(JSON.stringify(settings)); i++) settings = propose();
  return settings;
};

/** Values of their own for every parameter, even on its scale. */
const drawn = (parameters: Readonly<Record<string, SweepParameter>>, draw: Draw): Settings =>
  Object.fromEntries(Object.entries(parameters).map(([key, parameter]) => [key, drawnValue(parameter, draw())]));

const drawnValue = (parameter: SweepParameter, place: number): Value => {
  const range = rangeOf(parameter);
  const values = parameter.values ?? [];
  return range ? valueAt(range, place) : (values[Math.floor(place * values.length)] as Value);
};

/** The last parameter changes with every trial, the first one slowest. */
const gridPoint = (parameters: Readonly<Record<string, SweepParameter>>, number: number): Settings => {
  const entries = Object.entries(parameters).map(([key, parameter]) => [key, gridValues(parameter)] as const);
  let rest = number;
  const chosen = [...entries].reverse().map(([key, values]) => {
    const value = values[rest % values.length] as Value;
    rest = Math.floor(rest / values.length);
    return [key, value] as const;
  });
  return Object.fromEntries(chosen.reverse());
};
