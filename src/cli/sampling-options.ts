import type { Command } from 'commander';
import { type SamplingOptions, samplingDefaults, samplingRanges } from '../generate/sampling.js';
import { decimal } from './parse.js';

type Key = keyof typeof samplingRanges;

/** The settings of the sampler: the name that options and chat commands give them, and what they do. */
export const samplingSettings: readonly { readonly key: Key; readonly name: string; readonly help: string }[] = [
  { key: 'temperature', name: 'temperature', help: 'below 1: likelier bytes; 0: always the likeliest' },
  { key: 'topP', name: 'top-p', help: 'only the likeliest bytes that make up this share of the probability' },
  { key: 'topK', name: 'top-k', help: 'only this many of the likeliest bytes; 0: all' },
  {
    key: 'typicalMass',
    name: 'typical-mass',
    help: 'only the bytes of usual surprise that make up this share; 1: all',
  },
  {
    key: 'minProbability',
    name: 'min-probability',
    help: 'bytes at least this probable stay, whatever top-p, top-k and top-a say; 1: none',
  },
  {
    key: 'topAScale',
    name: 'top-a-scale',
    help: 'only bytes at least A times as probable as the likeliest one (to the power of --top-a-power); 0: all',
  },
  { key: 'topAPower', name: 'top-a-power', help: 'the power of the greatest probability in the bound of top-a' },
];

const symbols: Readonly<Record<Key, string>> = {
  temperature: 'T',
  topP: 'P',
  topK: 'K',
  typicalMass: 'M',
  minProbability: 'P',
  topAScale: 'A',
  topAPower: 'N',
};

/** Where the command starts: a little sharper than the model says. */
export const commandSampling: Required<SamplingOptions> = { ...samplingDefaults, temperature: 0.8 };

/** Adds an option for every setting; their values are a `Required<SamplingOptions>`. */
export const withSamplingOptions = (command: Command): Command =>
  samplingSettings.reduce(
    (taking, { key, name, help }) =>
      taking.option(`--${name} <${symbols[key]}>`, help, parserOf(key), commandSampling[key]),
    command,
  );

/** Reads the value of a setting; throws where it is none. */
export const parserOf = (key: Key): ((text: string) => number) =>
  decimal(samplingRanges[key].expected, samplingRanges[key].fits);

/** The settings among the options of a command. */
export const samplingOf = (options: Required<SamplingOptions>): Required<SamplingOptions> => {
  const { temperature, topP, topK, typicalMass, minProbability, topAScale, topAPower } = options;
  return { temperature, topP, topK, typicalMass, minProbability, topAScale, topAPower };
};
