import type { SweepParameter } from './config.js';

/** What a key of a recipe can be set to. */
export type Value = string | number | boolean | null | readonly unknown[];

/** The values of one trial by their keys. */
export type Settings = Readonly<Record<string, Value>>;

/** A range on its own scale, laid over 0 to 1. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly scale: 'linear' | 'log';
  readonly integer: boolean;
}

/** The range of a parameter; undefined where it has a list of values. */
export const rangeOf = ({ values, min, max, scale, integer }: SweepParameter): Range | undefined =>
  values === undefined && min !== undefined && max !== undefined ? { min, max, scale, integer } : undefined;

/** Values that show whether their key takes them: of a range its ends. */
export const valuesToCheck = (parameter: SweepParameter): readonly Value[] =>
  parameter.values ?? [parameter.min ?? 0, parameter.max ?? 0];

/** The value at a place from 0 to 1. Places of whole numbers are alike wide (on the scale), those at the ends too. */
export const valueAt = (range: Range, place: number): number => {
  const [low, high] = ends(range);
  const value = inverse(range, low + place * (high - low));
  const rounded = range.integer ? Math.round(value) : Number(value.toPrecision(significantDigits));
  return Math.min(range.max, Math.max(range.min, rounded));
};

/** Enough for any search, and short enough to be read. */
const significantDigits = 6;

/** The place of a value; of a whole number the middle of its places. */
export const placeOf = (range: Range, value: number): number => {
  const [low, high] = ends(range);
  return (scaled(range, value) - low) / (high - low);
};

/** The places that give a value: a span for a whole number, else undefined. */
export const cellOf = (range: Range, value: number): readonly [from: number, to: number] | undefined =>
  range.integer ? [placeOf(range, value - 0.5), placeOf(range, value + 0.5)] : undefined;

const ends = (range: Range): readonly [number, number] => {
  const half = range.integer ? 0.5 : 0;
  return [scaled(range, range.min - half), scaled(range, range.max + half)];
};

const scaled = ({ scale }: Range, value: number): number => (scale === 'log' ? Math.log(value) : value);
const inverse = ({ scale }: Range, value: number): number => (scale === 'log' ? Math.exp(value) : value);

/** The values that a grid tries for a parameter. */
export const gridValues = (parameter: SweepParameter): readonly Value[] => {
  const range = rangeOf(parameter);
  const points = parameter.points ?? 2;
  if (!range) return parameter.values ?? [];
  // On the range itself and not on the places of whole numbers, so that the ends are met.
  const even = { ...range, integer: false };
  const values = Array.from({ length: points }, (_, i) => valueAt(even, i / (points - 1)));
  return [...new Set(range.integer ? values.map(Math.round) : values)];
};
