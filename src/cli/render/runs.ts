import type { ConfigTree } from '../../core/config.js';
import { table } from './table.js';

/** What the commands about runs show of one. */
export interface RunFigures {
  readonly name: string;
  readonly path: string;
  /** Steps done; null before the first. */
  readonly step: number | null;
  /** Steps to do in all; null where the configuration tells none. */
  readonly steps: number | null;
  /** Bits per byte of the last evaluation, and of the last training step. */
  readonly validation: number | null;
  readonly training: number | null;
  readonly loss: number | null;
  readonly updated: Date;
  /** Process that trains it at the moment. */
  readonly holder: number | null;
}

/** The list of runs for people. */
export const runTable = (runs: readonly RunFigures[]): string =>
  table(
    [
      ['run', 'step', 'bits per byte', 'training', 'updated', ''],
      ...runs.map((run) => [
        run.name,
        `${run.step ?? '-'}/${run.steps ?? '-'}`,
        figure(run.validation),
        figure(run.training),
        localTime(run.updated),
        run.holder === null ? '' : `training (process ${run.holder})`,
      ]),
    ],
    ['left', 'right', 'right', 'right', 'left', 'left'],
  );

/** A key in which two configurations differ; undefined where one has no such key. */
export interface ConfigDifference {
  readonly key: string;
  readonly a: unknown;
  readonly b: unknown;
}

/** The keys in which two configurations differ, in the order of the first. Lists count as one value. */
export const configDifferences = (a: unknown, b: unknown, key = ''): ConfigDifference[] => {
  if (!isGroup(a) || !isGroup(b)) return JSON.stringify(a) === JSON.stringify(b) ? [] : [{ key, a, b }];
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].flatMap((name) => configDifferences(a[name], b[name], key === '' ? name : `${key}.${name}`));
};

/** Two runs side by side for people: how they were made, then what came of it. */
export const comparisonTable = (a: RunFigures, b: RunFigures, differences: readonly ConfigDifference[]): string => {
  const row = (name: string, value: (run: RunFigures) => string): string[] => [name, value(a), value(b)];
  const configuration = differences
    .filter(({ key }) => key !== 'run.name' && key !== 'run.root')
    .map(({ key, a: left, b: right }) => [key, shown(left), shown(right)]);
  return table([
    ['', a.name, b.name],
    ...(configuration.length > 0 ? configuration : [['configuration', 'the same', 'the same']]),
    row('step', ({ step, steps }) => `${step ?? '-'}/${steps ?? '-'}`),
    row('training loss', ({ loss }) => (loss === null ? '-' : loss.toFixed(4))),
    row('training bits per byte', ({ training }) => figure(training)),
    row('validation bits per byte', ({ validation }) => figure(validation)),
  ]);
};

const isGroup = (value: unknown): value is ConfigTree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const longestValue = 40;

const shown = (value: unknown): string => {
  if (value === undefined) return '-';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > longestValue ? `...${text.slice(-longestValue)}` : text;
};

const figure = (bits: number | null): string => (bits === null ? '-' : bits.toFixed(4));

/** `2025-01-31 08:05` in the reader's time zone. */
const localTime = (date: Date): string => {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
};
