import { formatBytes, formatCount, formatDuration } from '../../core/format.js';
import { facts } from './table.js';

/** What `planRun` tells. */
export interface PlanFigures {
  readonly parameters: number;
  /** 0 where memory is not planned. */
  readonly peakBytes: number;
  readonly activationBytes: number;
  readonly flopsPerStep: number;
  readonly bytesPerStep: number;
  /** Null where the machine's speed could not be measured. */
  readonly secondsPerStep: number | null;
  readonly totalSeconds: number | null;
}

/** How long a run is to be: steps, or minutes that a speed probe turns into steps. */
export interface PlannedLength {
  readonly steps: number;
  readonly minutes?: number;
}

/** The figures of a plan for people. */
export const planTable = (plan: PlanFigures, length: PlannedLength): string => {
  const { secondsPerStep, bytesPerStep } = plan;
  const steps = stepsOf(plan, length);
  const total = length.minutes === undefined ? plan.totalSeconds : length.minutes * 60;
  return facts([
    ['parameters', `${formatCount(plan.parameters)} (${grouped(plan.parameters)})`],
    ['peak memory', memory(plan)],
    ['work per step', formatBytes(plan.flopsPerStep).replace(/B$/, 'FLOP')],
    ['data per step', formatBytes(bytesPerStep)],
    ['time per step', duration(secondsPerStep)],
    ['steps', steps === null ? undefined : `${length.minutes === undefined ? '' : 'about '}${grouped(steps)}`],
    ['data in all', steps === null ? undefined : formatBytes(bytesPerStep * steps)],
    ['time in all', duration(total)],
  ]);
};

const stepsOf = ({ secondsPerStep }: PlanFigures, { steps, minutes }: PlannedLength): number | null => {
  if (minutes === undefined) return steps;
  return secondsPerStep === null ? null : Math.max(1, Math.round((minutes * 60) / secondsPerStep));
};

/** The figures of a plan for programs; null is what only the native engine can tell. */
export const planJson = (plan: PlanFigures): Record<string, number | null> => {
  const { parameters, flopsPerStep, bytesPerStep, secondsPerStep } = plan;
  const [peakBytes, activationBytes] = plan.peakBytes === 0 ? [null, null] : [plan.peakBytes, plan.activationBytes];
  return { parameters, peakBytes, activationBytes, flopsPerStep, bytesPerStep, secondsPerStep };
};

const memory = ({ peakBytes, activationBytes }: PlanFigures): string =>
  peakBytes === 0
    ? 'unknown: only the native engine plans its memory'
    : `${formatBytes(peakBytes)}, of it ${formatBytes(activationBytes)} for activations`;

const duration = (seconds: number | null): string =>
  seconds === null ? 'unknown: only the native engine has a speed to measure' : `about ${formatDuration(seconds)}`;

/** `16,824,322`. */
const grouped = (count: number): string => count.toLocaleString('en-US');
