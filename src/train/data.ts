import { join } from 'node:path';
import { loadAddon } from '../compile/native/addon.js';
import { NonetError } from '../core/errors.js';
import {
  type BatcherOf,
  type BatchOptions,
  type ByteStore,
  batchersOfSeeds,
  type Dataset,
  evaluationWindows,
  openDataset,
  type PreparedData,
  type PreparedMeta,
  prepareData,
  sliceStore,
} from '../data/index.js';
import { writesBytes } from '../generate/index.js';
import type { LanguageModel } from '../models/index.js';
import type { RunConfig } from './config.js';

/** Prepared data of all runs under a root lies beside them, named by its contents. */
export const preparedFolder = (config: RunConfig): string => join(config.run.root, '.data');

/** The data of a run, prepared once and memory-mapped where the native core can. */
export const openRunData = async (config: RunConfig): Promise<{ dataset: Dataset; prepared: PreparedData }> => {
  const prepared = await prepareData(config.data, preparedFolder(config));
  const { addon } = loadAddon();
  const dataset = await openDataset(prepared.folder, { mapFile: addon?.mapFile });
  return { dataset, prepared };
};

/** The validation bytes that evaluations while training look at. */
export const evaluationPart = ({ train }: RunConfig, validation: ByteStore): ByteStore =>
  sliceStore(validation, 0, Math.min(validation.length, train.evaluateBytes));

/**
 * Throws `E_DATA` when the training or the validation part is shorter than one window of the model, `E_CONFIG` when what
 * is evaluated of it while training is.
 */
export const requireWindows = (model: LanguageModel, config: RunConfig, dataset: Dataset): void => {
  const { bitsPerPatch, contextLength } = model;
  const layout = { bitsPerPatch, contextLength, parity: config.data.parity };
  batchersOf(model, config, dataset)(0);
  evaluationWindows({ store: dataset.validationBytes, ...layout });
  if (config.train.evaluateEvery === 0) return;
  try {
    evaluationWindows({ store: evaluationPart(config, dataset.validationBytes), ...layout });
  } catch (error) {
    if (!(error instanceof NonetError) || error.code !== 'E_DATA') throw error;
    const { evaluateBytes } = config.train;
    const message = `train.evaluateBytes is ${evaluateBytes}, but a window takes ${error.details.needed} bytes: raise it, or set train.evaluateEvery to 0.`;
    throw new NonetError('E_CONFIG', message, { evaluateBytes, needed: error.details.needed }, { cause: error });
  }
};

/** What batches need to know of a dataset. */
export interface TrainingData extends Pick<Dataset, 'trainBytes'> {
  readonly meta: Pick<PreparedMeta, 'files'>;
}

/** What the batches of a run are made by. The ramp of compressed batches ends with the warm-up unless told. */
export const batchOptions = (
  { bitsPerPatch, contextLength }: LanguageModel,
  run: RunConfig,
  { meta }: TrainingData,
): BatchOptions => {
  const { parity, shuffleBytes, interleave } = run.data;
  const { batchSize, accumulation, epochs, extraSteps, stream, compression, warmupSteps } = run.train;
  return {
    ...{ bitsPerPatch, parity, contextLength, batchSize, accumulation, epochs, extraSteps, stream },
    ...(shuffleBytes > 0 && { order: { shuffleBytes, interleave, files: meta.files.map(({ bytes }) => bytes) } }),
    ...(compression && { compression: { ...compression, steps: compression.steps ?? warmupSteps } }),
  };
};

/** The batches of a run by their seed: windows at random, epoch by epoch, or in the order of the data. */
export const batchersOf = (model: LanguageModel, config: RunConfig, dataset: TrainingData): BatcherOf =>
  batchersOfSeeds(dataset.trainBytes, batchOptions(model, config, dataset));

/** The configuration with the steps that its epochs take, where it has any. */
export const withEpochs = (config: RunConfig, batcherOf: BatcherOf): RunConfig => {
  const batcher = batcherOf(config.seed);
  return batcher.steps !== undefined ? { ...config, train: { ...config.train, steps: batcher.steps } } : config;
};

/** What to know of a model before it is trained. */
export const modelWarnings = (model: LanguageModel, config: RunConfig): string[] => [
  ...writingWarnings(model, config),
  ...idleWarnings(config),
];

/** Settings of a model that change nothing beside others. */
const idleWarnings = ({ model }: RunConfig): string[] => {
  if (model.family !== 'olmax' || !model.reversible || model.recompute === 'none') return [];
  return [
    `model.recompute=${model.recompute} does nothing in a reversible model of the family olmax, which keeps no activations of ` +
      'branches: leave it out, or set model.reversible=false.',
  ];
};

/** What to know before training a model whose patches make no whole bytes: it can be evaluated, but will never write. */
const writingWarnings = ({ bitsPerPatch }: LanguageModel, { data }: RunConfig): string[] => {
  if (writesBytes(bitsPerPatch, data.parity)) return [];
  const advice = writesBytes(bitsPerPatch, !data.parity)
    ? `set data.parity=${!data.parity}`
    : 'take model.bitsPerPatch 1, 2, 4 or 8, or 1, 3 or 9 with data.parity=true';
  return [
    `patches of ${bitsPerPatch} bits do not divide the ${data.parity ? 9 : 8} bits of a byte: the model can be trained and ` +
      `evaluated, but not write text. If it is to write, ${advice}.`,
  ];
};
