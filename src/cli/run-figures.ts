import type { RunSummary } from '../checkpoint/index.js';
import type { ConfigTree } from '../core/config.js';
import type { RunFigures } from './render/runs.js';

/** The figures of a run from its metrics and configuration; whatever is not there or of another kind is null. */
export const runFigures = (run: RunSummary, config: ConfigTree): RunFigures => ({
  name: run.name,
  path: run.path,
  step: run.step ?? null,
  steps: numberAt(config, 'train', 'steps'),
  validation: numberAt(run.metrics, 'validation', 'bitsPerByte'),
  training: numberAt(run.metrics, 'bitsPerByte'),
  loss: numberAt(run.metrics, 'loss'),
  updated: run.updated,
  holder: run.holder?.pid ?? null,
});

const numberAt = (tree: unknown, ...path: readonly string[]): number | null => {
  let value: unknown = tree;
  for (const name of path) {
    value =
      typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
  }
  return typeof value === 'number' ? value : null;
};
