import { join } from 'node:path';
import type { RunFolder } from '../checkpoint/index.js';
import type { State } from '../compile/state.js';
import { yaml } from '../core/libraries.js';
import { histogramOf, openEventFile, type Summary } from '../telemetry/index.js';
import { readArrays } from './arrays.js';
import type { RunConfig } from './config.js';
import type { MetricsRow } from './metrics.js';

/** Folder of a run's event files: `tensorboard --logdir runs` shows all runs side by side. */
export const BOARD_FOLDER = 'tensorboard';

/** What TensorBoard is told of a run. */
export interface Board {
  /** A row of metrics: every number in it is a curve. */
  row(row: MetricsRow): void;
  sample(step: number, text: string): void;
  /** Histograms of all weights. */
  weights(step: number, state: State): void;
  /** What was told of later steps no longer holds. */
  rewind(step: number): void;
  close(): void;
}

/** Event files in the folder of a run that goes on from a step. Throws `E_FILE` when they cannot be written. */
export const openBoard = (run: RunFolder, config: RunConfig, from: number): Board => {
  const folder = join(run.path, BOARD_FOLDER);
  // Rows of the step that a run goes on from are there already.
  const open = (step: number) => openEventFile(folder, { step: step + 1 });
  let file = open(from);
  if (from === 0) file.write(0, [{ tag: 'config', text: markdown(yaml().stringify(config)) }]);
  return {
    row: ({ step, ...metrics }) => file.write(step, scalarsOf(metrics)),
    sample: (step, text) => file.write(step, [{ tag: 'sample', text: markdown(text) }]),
    weights: (step, state) => {
      const summaries = readArrays(state, 'parameters').flatMap(({ name, data }): Summary[] => {
        const histogram = histogramOf(data);
        return histogram ? [{ tag: `weights/${name}`, histogram }] : [];
      });
      file.write(step, summaries);
    },
    rewind: (step) => {
      file.close();
      file = open(step);
    },
    close: () => file.close(),
  };
};

/** Lines as they are: indented ones are shown as code. */
const markdown = (text: string): string => text.replace(/^/gm, '    ');

/** The numbers of a row, those inside of others as `outer/inner`. */
const scalarsOf = (metrics: Readonly<Record<string, unknown>>, prefix = ''): Summary[] =>
  Object.entries(metrics).flatMap(([name, value]): Summary[] => {
    if (typeof value === 'number') return [{ tag: `${prefix}${name}`, scalar: value }];
    if (typeof value !== 'object' || value === null) return [];
    return scalarsOf(value as Readonly<Record<string, unknown>>, `${prefix}${name}/`);
  });
