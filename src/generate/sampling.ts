import type { TensorType } from '../tensor/index.js';
import { type Sampling, samplingKeys } from '../tensor/ops/sample-filters.js';

/**
 * How bytes are drawn. The filters look at the probabilities at temperature 1, each at all bytes, whatever the others drop.
 * A byte is dropped that is outside of top-k, top-p or top-a and below `minProbability`, or that is not typical. Where that
 * leaves none, the most probable one is taken. With `utf8` all of this is about the bytes that may follow.
 */
export interface SamplingOptions {
  /** 1 (default): what is left is drawn as the model says, below 1 likelier bytes more often, 0 always the likeliest. */
  readonly temperature?: number;
  /** Outside are all but the so many most probable bytes; 0 (default): none. */
  readonly topK?: number;
  /** Outside are all but the most probable bytes that together reach this probability; 1 (default): none. */
  readonly topP?: number;
  /** Typical are the bytes whose surprise is nearest to the expected one and that make up this mass; 1 (default): all. */
  readonly typicalMass?: number;
  /** Bytes at least this probable stay although they are outside; 1 (default): none does, 0: all. */
  readonly minProbability?: number;
  /** Outside are bytes below `topAScale` times (the greatest probability to the power of `topAPower`); 0 (default): none. */
  readonly topAScale?: number;
  /** 1 unless told; 0 makes the bound of top-a the same everywhere, 2 lower where the model is unsure. */
  readonly topAPower?: number;
}

export const samplingDefaults: Sampling = {
  temperature: 1,
  topK: 0,
  topP: 1,
  typicalMass: 1,
  minProbability: 1,
  topAScale: 0,
  topAPower: 1,
};

/** What a setting takes, in words, and whether a number is that. */
export interface Range {
  readonly expected: string;
  readonly fits: (value: number) => boolean;
}

const share: Range = { expected: 'a number above 0, at most 1', fits: (value) => value > 0 && value <= 1 };
const fromZero: Range = {
  expected: 'a number from 0 on',
  fits: (value) => value >= 0 && Math.fround(value) < Number.POSITIVE_INFINITY,
};

/** What every setting takes: for `generate`, the command line and whatever else asks for them. */
export const samplingRanges: Readonly<Record<keyof Sampling, Range>> = {
  temperature: fromZero,
  topK: {
    expected: 'a whole number from 0 on (0: all bytes)',
    fits: (value) => Number.isSafeInteger(value) && value >= 0,
  },
  topP: share,
  typicalMass: share,
  minProbability: { expected: 'a number from 0 to 1', fits: (value) => value >= 0 && value <= 1 },
  topAScale: fromZero,
  topAPower: fromZero,
};

/** The settings among options, those that are missing as they are by default. */
export const samplingWithDefaults = (options: SamplingOptions): Sampling => {
  const values = samplingKeys.map((key) => [key, options[key] ?? samplingDefaults[key]]);
  return Object.fromEntries(values) as Sampling;
};

/** What is wrong with settings, in words. */
export const samplingProblem = (sampling: Sampling): string | undefined => {
  const wrong = samplingKeys.find((key) => !samplingRanges[key].fits(sampling[key]));
  return wrong && `${wrong} is ${sampling[wrong]}; give ${samplingRanges[wrong].expected}`;
};

/** Settings as the `sample` op takes them. */
export const samplerSettings = (sampling: Sampling): Float32Array =>
  Float32Array.from(samplingKeys, (key) => sampling[key]);

export const samplerSettingsType: TensorType = { shape: [samplingKeys.length], dtype: 'f32' };
