import { encodeUtf8, firstInvalidUtf8 } from '../codec/index.js';
import { NonetError } from '../core/errors.js';
import type { LanguageModel } from '../models/index.js';
import type { Sampling } from '../tensor/index.js';
import { type FrameLayout, frameLayout } from './frames.js';
import { type SamplingOptions, samplingProblem, samplingWithDefaults } from './sampling.js';

export interface GenerateOptions extends SamplingOptions {
  /** Texts to go on from, a row each. An empty one starts behind a line break that is not printed. */
  readonly prompts: readonly Uint8Array[];
  /** Bytes to make for each row, at most. */
  readonly maxBytes: number;
  /**
   * The text of a prompt depends on it and the seed alone, not on the batch or the number of threads. Copies of a prompt in
   * one batch draw with seed, seed + 1, ...
   */
  readonly seed?: number;
  /** A row ends where one of these appears in what it made; the stop itself is cut off. */
  readonly stop?: readonly (Uint8Array | string)[];
  /** Only bytes that keep the text valid UTF-8 are possible. A character that `maxBytes` would cut is left out. */
  readonly utf8?: boolean;
  /**
   * Whether the model's data has parity bits (`data.parity` of its recipe). Patches of 3 and 9 bits always have them, those
   * of 2, 4 and 8 never; for single bits the default is no.
   */
  readonly dataParity?: boolean;
  /** Parity bits are computed (`construct`, default), or drawn from the model and checked (`sample`). */
  readonly parity?: 'construct' | 'sample';
  /** Called with new bytes of a row as soon as no stop can take them back; with `utf8` only with whole characters. */
  readonly onBytes?: (row: number, bytes: Uint8Array) => void;
  /** Called at most once for each thing that the user should know, such as a prompt that is cut. */
  readonly onNotice?: (text: string) => void;
  /** Ends all rows before the next call into the engine. */
  readonly signal?: AbortSignal;
  /** Bytes made by one call into the engine, at most; 16 unless told. Never changes a result. */
  readonly bytesPerCall?: number;
}

/** Options with their defaults, found to make sense for a model. */
export interface GenerationPlan {
  readonly prompts: readonly Uint8Array[];
  readonly maxBytes: number;
  readonly sampling: Sampling;
  readonly seed: number;
  readonly stops: readonly Uint8Array[];
  readonly utf8: boolean;
  readonly sampleParity: boolean;
  readonly bytesPerCall: number;
  readonly layout: FrameLayout;
  /** Bytes that fit into the context when the next one is made. */
  readonly capacity: number;
}

/** What an empty prompt starts behind: training windows begin anywhere in a text, so there is no start mark to use. */
export const startByte = 0x0a;

/** Throws `E_PROMPT` for whatever cannot be served. */
export const planGeneration = (
  { bitsPerPatch, contextLength }: Pick<LanguageModel, 'bitsPerPatch' | 'contextLength'>,
  options: GenerateOptions,
): GenerationPlan => {
  const { prompts, maxBytes, seed = 0, bytesPerCall = 16, utf8 = false } = options;
  requireThat(prompts.length > 0, 'there are no prompts; give at least one, an empty one to start a new text');
  requireThat(isCount(maxBytes, 1), `maxBytes is ${maxBytes}; give a whole number from 1 on`);
  const sampling = samplingWithDefaults(options);
  const problem = samplingProblem(sampling);
  requireThat(problem === undefined, problem ?? '');
  requireThat(isCount(seed, 0), `seed is ${seed}; give a whole number from 0 on`);
  requireThat(isCount(bytesPerCall, 1), `bytesPerCall is ${bytesPerCall}; give a whole number from 1 on`);
  const stops = (options.stop ?? []).map((stop) => (typeof stop === 'string' ? encodeUtf8(stop) : stop));
  requireThat(!stops.some((stop) => stop.length === 0), 'a stop string is empty; leave it out');
  if (utf8) prompts.forEach(requireUtf8);

  const layout = frameLayout(bitsPerPatch, options.dataParity);
  const sampleParity = options.parity === 'sample';
  requireThat(!sampleParity || layout.parity, 'parity cannot be sampled: the data of this model has no parity bits');
  // The last patch of a frame is only fed together with the next one.
  const capacity = Math.floor((contextLength + 1) / layout.patchesPerByte) - 1;
  const context = `the context of ${contextLength} patches`;
  requireThat(
    layout.patchesPerByte === 1 || capacity > 0,
    `${context} is too short: a byte takes ${layout.patchesPerByte}`,
  );
  const settings = {
    prompts,
    maxBytes,
    sampling,
    seed,
    stops,
    utf8,
    sampleParity,
    bytesPerCall,
    layout,
  };
  return { ...settings, capacity };
};

const isCount = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;

const requireThat = (holds: boolean, otherwise: string): void => {
  if (!holds) throw new NonetError('E_PROMPT', `generate: ${otherwise}`);
};

const requireUtf8 = (prompt: Uint8Array, row: number): void => {
  const position = firstInvalidUtf8(prompt);
  if (position < 0) return;
  const which = `prompt ${row + 1} is no valid UTF-8 at byte ${position}`;
  throw new NonetError('E_PROMPT', `generate: ${which}; mend it, or generate without utf8`, { row, position });
};
