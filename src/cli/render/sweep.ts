import { formatDuration } from '../../core/format.js';
import { table } from './table.js';

/** A trial as the table shows it; part of what `sweep` returns. */
export interface TrialFigures {
  readonly number: number;
  readonly run: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly status: string;
  readonly value?: number;
  readonly seconds: number;
  readonly error?: string;
}

export interface SweepFigures {
  readonly tablePath: string;
  /** The best one first. */
  readonly trials: readonly TrialFigures[];
  readonly interrupted: boolean;
}

/** The end of `nonet sweep`: all trials, the best one first, and how to go on. */
export const sweepReport = (
  { trials, tablePath, interrupted }: SweepFigures,
  { again, best }: { readonly again: string; readonly best: string | undefined },
): string => {
  const next = interrupted
    ? `stopped, everything is saved. Go on with:\n  ${again}\n`
    : best === undefined
      ? ''
      : `next:\n  nonet evaluate ${best}\n`;
  return `${trialTable(trials)}table: ${tablePath}\n${next}`;
};

const trialTable = (trials: readonly TrialFigures[]): string => {
  const keys = [...new Set(trials.flatMap(({ settings }) => Object.keys(settings)))];
  const head = ['run', 'bits/byte', 'time', ...keys];
  const rows = trials.map(({ run, status, value, seconds, settings, error }) => [
    run,
    value === undefined ? status : value.toFixed(4),
    formatDuration(seconds),
    ...keys.map((key) => shown(settings[key])),
    ...(error === undefined ? [] : [shortened(error)]),
  ]);
  return table([head, ...rows], ['left', 'right', 'right', ...keys.map(() => 'right' as const)]);
};

/** The table of the files has all of it. */
const shortened = (error: string): string =>
  error.length > longestError ? `${error.slice(0, longestError - 3)}...` : error;
const longestError = 70;

const shown = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
