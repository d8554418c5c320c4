/** Checkpoints and run folders: how what was trained is kept, found again and gone on with. */
export { type FaultPoint, faultPoint } from './fault.js';
export { type JsonLine, lastValues, parseJsonLines } from './json-lines.js';
export { checkpointsFolder, savedSteps, stepFolder } from './layout.js';
export { listRuns, type RunSummary, summarizeRun } from './list-runs.js';
export {
  bestCheckpoint,
  type FindOptions,
  isCheckpoint,
  type LoadOptions,
  latestCheckpoint,
  loadCheckpoint,
} from './load.js';
export { type LockHolder, lockHolder, lockRun, type RunLock } from './lock.js';
export { FORMAT_VERSION, type Manifest, verifyCheckpoint } from './manifest.js';
export type { NamedArray, StoredDType, TypedArray } from './named-array.js';
export {
  createRun,
  findCheckpoint,
  isUntouched,
  openRun,
  RUNS_ROOT,
  type RunFolder,
  readRunConfig,
  runNames,
  writeRunConfig,
} from './run-folder.js';
export {
  openSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type WriteSafetensorsOptions,
  type WrittenFile,
  writeSafetensors,
} from './safetensors.js';
export type { SafetensorsHeader, StoredArray } from './safetensors-header.js';
export { type CheckpointContent, type SaveOptions, saveCheckpoint } from './save.js';
