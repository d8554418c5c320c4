/** A thread that makes batches: opens the prepared data and answers requests, see batch-source.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadAddon } from '../compile/native/addon.js';
import { NonetError } from '../core/errors.js';
import { batchersOfSeeds, openDataset } from '../data/index.js';
import type { BatchAnswer, BatchRequest, BatchWorkerData } from './batch-source.js';

const { folder, options } = workerData as BatchWorkerData;
const dataset = await openDataset(folder, { mapFile: loadAddon().addon?.mapFile });
const batcherOf = batchersOfSeeds(dataset.trainBytes, options);

const answer = (message: BatchAnswer, moved: ArrayBuffer[] = []): void => parentPort!.postMessage(message, moved);

parentPort!.on('message', ({ id, seed, step, microBatch }: BatchRequest) => {
  try {
    const batch = batcherOf(seed).batch(step, microBatch);
    const { patches, code, starts } = batch;
    answer(
      { id, batch },
      [patches, code, starts].map(({ buffer }) => buffer as ArrayBuffer),
    );
  } catch (error) {
    if (!(error instanceof NonetError)) throw error;
    answer({ id, error: { code: error.code, message: error.message } });
  }
});
