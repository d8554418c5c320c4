import { join } from 'node:path';
import { loadAddon } from '../compile/native/addon.js';
import {
  createBatcher,
  type Dataset,
  evaluationWindows,
  openDataset,
  type PreparedData,
  prepareData,
} from '../data/index.js';
import type { BitTransformer } from '../models/index.js';
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

/** Throws `E_DATA` when the training or the validation part is shorter than one window of the model. */
export const requireWindows = (model: BitTransformer, config: RunConfig, dataset: Dataset): void => {
  const { bitsPerPatch, contextLength } = model.config;
  const layout = { bitsPerPatch, contextLength, parity: config.data.parity };
  createBatcher({ store: dataset.trainBytes, ...layout, batchSize: 1, seed: 0 });
  evaluationWindows({ store: dataset.validationBytes, ...layout });
};
