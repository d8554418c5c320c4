import { formatBytes, formatCount, formatDuration } from '../../core/format.js';
import { facts } from './table.js';

/** What `planRun` tells. */
export interface PlanFigures {
  readonly parameters: number;
  readonly peakBytes: number;
  readonly activationBytes: number;
  readonly flopsPerStep: number;
  readonly bytesPerStep: number;
  /** Null where the machine's speed could not be measured. */
  readonly secondsPerStep: number | null;
  readonly totalSeconds: number | null;
}

/** The figures of a plan for people. */
export const planTable = (plan: PlanFigures, steps: number): string =>
  facts([
    ['parameters', `${formatCount(plan.parameters)} (${grouped(plan.parameters)})`],
    ['peak memory', `${formatBytes(plan.peakBytes)}, of it ${formatBytes(plan.activationBytes)} for activations`],
    ['work per step', `${formatCount(plan.flopsPerStep)}FLOP`],
    [
      'data per step',
      `${formatBytes(plan.bytesPerStep)}, ${formatBytes(plan.bytesPerStep * steps)} in all ${grouped(steps)} steps`,
    ],
    ['time per step', duration(plan.secondsPerStep)],
    ['time in all', duration(plan.totalSeconds)],
  ]);

/** The figures of a plan for programs. */
export const planJson = (plan: PlanFigures): Record<string, number | null> => {
  const { parameters, peakBytes, activationBytes, flopsPerStep, bytesPerStep, secondsPerStep } = plan;
  return { parameters, peakBytes, activationBytes, flopsPerStep, bytesPerStep, secondsPerStep };
};

const duration = (seconds: number | null): string =>
  seconds === null ? 'unknown: only the native engine has a speed to measure' : `about ${formatDuration(seconds)}`;

/** `16,824,322`. */
const grouped = (count: number): string => count.toLocaleString('en-US');
