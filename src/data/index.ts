/** From files to batches: sources, the prepared file, training batches, evaluation windows. */
export { type Batch, batchBytes } from './batch-rows.js';
export { type BatcherOf, type BatchOptions, batchersOfSeeds } from './batchers.js';
export { type Batcher, type BatcherOptions, createBatcher } from './batches.js';
export { type ByteStore, memoryStore, sliceStore } from './byte-store.js';
export { type BatchKind, batchKind, type CompressionRamp, compressionProbability } from './compression.js';
export { type Dataset, type OpenOptions, openDataset, type PreparedMeta } from './dataset.js';
export { createEpochBatcher, type EpochBatcher, type EpochOptions } from './epochs.js';
export type { FormatOption } from './formats.js';
export type { PatchLayout } from './patch-reader.js';
export { type DataOptions, type PreparedData, prepareData } from './prepare.js';
export { createStreamBatcher, type StreamBatcher, type StreamOptions } from './streams.js';
export type { ExampleKind } from './tfrecord/example.js';
export { type WriteOptions, type WrittenRecords, writeTfRecords } from './tfrecord/write.js';
export type { DataOrder } from './window-order.js';
export {
  bitWeights,
  type EvaluationBatch,
  type EvaluationOptions,
  type EvaluationWindows,
  evaluationWindows,
} from './windows.js';
