import { join } from 'node:path';
import { loadAddon } from '../compile/native/addon.js';
import { type Dataset, openDataset, type PreparedData, prepareData } from '../data/index.js';
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
