import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { type ErrorCode, NonetError } from '../core/errors.js';
import { packageFile } from '../core/package-root.js';
import type { Batch, BatcherOf, BatchKind, BatchOptions } from '../data/index.js';

/** Where a batch stands in a run. */
export interface BatchPlace {
  readonly seed: number;
  readonly step: number;
  readonly microBatch: number;
}

/** Gives a run its batches: the same ones however they are made. */
export interface BatchSource {
  microBatches(seed: number, step: number): number;
  kind(seed: number, step: number): BatchKind;
  batch(place: BatchPlace): Batch | Promise<Batch>;
  /** Ends its threads, whatever they are at. */
  close(): Promise<void>;
}

/** Batches made when they are asked for, in this thread. */
export const localBatches = (batcherOf: BatcherOf): BatchSource => ({
  microBatches: (seed, step) => batcherOf(seed).microBatches(step),
  kind: (seed, step) => batcherOf(seed).kind(step),
  batch: ({ seed, step, microBatch }) => batcherOf(seed).batch(step, microBatch),
  close: async () => {},
});

/** What a worker is started with. */
export interface BatchWorkerData {
  /** The prepared data. */
  readonly folder: string;
  readonly options: BatchOptions;
}

export interface BatchRequest extends BatchPlace {
  readonly id: number;
}

export type BatchAnswer =
  | { readonly id: number; readonly batch: Batch }
  | { readonly id: number; readonly error: { readonly code: ErrorCode; readonly message: string } };

/** A worker of its own in the bundle; a source tree that was never built has none. */
const builtWorker = (): string => packageFile('dist/bundle/batch-worker.js');

/** Batches in the making of each worker: the one that comes next, and one so that it need not wait. */
const aheadPerWorker = 2;

/**
 * Batches made ahead of time by `workers` threads, which read the prepared data themselves; by this thread for 0 workers, or
 * where the package is not built. Batches are functions of their place, so threads never change one. Closing is the caller's.
 */
export const prefetchedBatches = (batcherOf: BatcherOf, workers: number, data: BatchWorkerData): BatchSource => {
  const local = localBatches(batcherOf);
  const file = builtWorker();
  if (workers === 0 || !existsSync(file)) return local;
  const pool = Array.from({ length: workers }, () => new BatchWorker(file, data));
  let turn = 0;
  // Consecutive places from the next one on.
  let ahead: { readonly place: BatchPlace; readonly batch: Promise<Batch> }[] = [];

  const after = ({ seed, step, microBatch }: BatchPlace): BatchPlace =>
    microBatch + 1 < local.microBatches(seed, step)
      ? { seed, step, microBatch: microBatch + 1 }
      : { seed, step: step + 1, microBatch: 0 };
  const order = (place: BatchPlace): void => {
    const batch = pool[turn++ % workers]!.make(place);
    batch.catch(() => {}); // it is told to whoever asks for the batch
    ahead.push({ place, batch });
  };

  return {
    ...local,
    batch: (place) => {
      // A run that went back asks for another one than the next: what was made ahead is of no use.
      if (ahead[0] && !samePlace(ahead[0].place, place)) ahead = [];
      if (ahead.length === 0) order(place);
      const { batch } = ahead.shift()!;
      while (ahead.length < aheadPerWorker * workers) order(after(ahead.at(-1)?.place ?? place));
      return batch;
    },
    close: async () => {
      await Promise.all(pool.map((worker) => worker.close()));
    },
  };
};

const samePlace = (a: BatchPlace, b: BatchPlace): boolean =>
  a.seed === b.seed && a.step === b.step && a.microBatch === b.microBatch;

interface Waiting {
  resolve(batch: Batch): void;
  reject(error: NonetError): void;
}

/** One thread and what it was asked for. */
class BatchWorker {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 0;
  private failure: NonetError | undefined;

  constructor(file: string, workerData: BatchWorkerData) {
    this.worker = new Worker(file, { workerData });
    this.worker.on('message', (answer: BatchAnswer) => this.settle(answer));
    this.worker.on('error', (error) => this.fail(error.message));
    this.worker.on('exit', (code) => this.fail(`it ended with code ${code}`));
  }

  make(place: BatchPlace): Promise<Batch> {
    return new Promise((resolve, reject) => {
      if (this.failure) return reject(this.failure);
      const id = this.nextId++;
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...place } satisfies BatchRequest);
    });
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }

  private settle(answer: BatchAnswer): void {
    const asked = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if ('batch' in answer) asked?.resolve(answer.batch);
    else asked?.reject(new NonetError(answer.error.code, answer.error.message));
  }

  /** Of the first failure; the exit that follows on it says less. */
  private fail(reason: string): void {
    const advice = 'Resume the run from its last checkpoint; with data.workers=0 the main thread makes the batches.';
    this.failure ??= new NonetError('E_DATA', `a worker that makes batches failed: ${reason}. ${advice}`, { reason });
    for (const { reject } of this.waiting.values()) reject(this.failure);
    this.waiting.clear();
  }
}
