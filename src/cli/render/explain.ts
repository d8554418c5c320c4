import { formatBytes, formatDuration } from '../../core/format.js';
import { table } from './table.js';

/** What `explainStep` tells of a kernel call. */
export interface CallFigures {
  readonly kernel: string;
  readonly ops: readonly string[];
  readonly scope: string;
  readonly shape: readonly number[];
  readonly flops: number;
  readonly bytes: number;
  readonly attached: boolean;
  readonly expectedSeconds: number;
  readonly seconds?: number;
}

/** The most op names of a row program that fit a line. */
const shownOps = 4;

/** The program of a step for people: one line for each kernel call, and the sums. */
export const explainTable = (calls: readonly CallFigures[]): string => {
  const profiled = calls.some((call) => call.seconds !== undefined);
  const head = ['call', 'where', 'what', 'shape', 'work', 'memory', 'expected', ...(profiled ? ['measured'] : [])];
  const rows = calls.map((call) => [
    call.attached ? `+ ${call.kernel}` : call.kernel,
    call.scope || '-',
    opsOf(call.ops),
    call.shape.join(' x '),
    flopsOf(call.flops),
    formatBytes(call.bytes),
    formatDuration(call.expectedSeconds),
    // Its time is in that of the call before.
    ...(profiled ? [call.attached ? '' : formatDuration(call.seconds ?? 0)] : []),
  ]);
  const sum = (of: (call: CallFigures) => number): number => calls.reduce((total, call) => total + of(call), 0);
  const total = [
    `${calls.length} calls`,
    '',
    '',
    '',
    flopsOf(sum((call) => call.flops)),
    '',
    formatDuration(sum((call) => call.expectedSeconds)),
    ...(profiled ? [formatDuration(sum((call) => call.seconds ?? 0))] : []),
  ];
  return table([head, ...rows, total], ['left', 'left', 'left', 'left', 'right', 'right', 'right', 'right']);
};

const opsOf = (ops: readonly string[]): string =>
  ops.length <= shownOps ? ops.join(' ') : `${ops.slice(0, shownOps).join(' ')} and ${ops.length - shownOps} more`;

const flopsOf = (flops: number): string => (flops === 0 ? '-' : formatBytes(flops).replace(/B$/, 'FLOP'));
