import { formatDuration, formatPercent, formatRate } from '../core/format.js';

/** What a line about a run tells; what is not known is left out. */
export interface ProgressFacts {
  /** Steps done, and to do in all. */
  readonly step: number;
  readonly steps: number;
  /** Training loss, nats per bit. */
  readonly loss?: number;
  readonly bitsPerByte?: number;
  /** Share of bytes that were the most probable, where the model tells it. */
  readonly accuracy?: number;
  /** On the validation part. */
  readonly validationBitsPerByte?: number;
  readonly learningRate?: number;
  readonly secondsPerStep?: number;
  readonly bytesPerSecond?: number;
  readonly bitsPerSecond?: number;
  readonly flopsPerSecond?: number;
  /** Of the machine's measured peak, 0 to 1. */
  readonly peakShare?: number;
  readonly secondsLeft?: number;
}

/** A piece of the line; those of the highest rank go first when the terminal is narrow. */
export interface ProgressPart {
  readonly text: string;
  readonly rank: number;
  readonly tone: 'plain' | 'strong' | 'dim';
}

/** Between two parts of the line. */
export const SEPARATOR = '  ';

/** The parts of the line that have room in `width` columns, in the order in which they are shown. */
export function progressParts(facts: ProgressFacts, width = Number.POSITIVE_INFINITY): ProgressPart[] {
  const parts = allParts(facts);
  while (parts.length > 1 && lengthOf(parts) > width) {
    const leastNeeded = parts.reduce((worst, part) => (part.rank > worst.rank ? part : worst));
    parts.splice(parts.indexOf(leastNeeded), 1);
  }
  return parts.map((part) => ({ ...part, text: part.text.slice(0, Math.max(0, width)) }));
}

/** The line of a run without colours, at most `width` columns wide. */
export function formatProgress(facts: ProgressFacts, width?: number): string {
  return progressParts(facts, width)
    .map(({ text }) => text)
    .join(SEPARATOR);
}

function allParts(facts: ProgressFacts): ProgressPart[] {
  const { step, steps, loss, bitsPerByte, accuracy, validationBitsPerByte } = facts;
  const { learningRate, secondsPerStep, bytesPerSecond, bitsPerSecond, flopsPerSecond, peakShare, secondsLeft } = facts;
  const parts: ProgressPart[] = [];
  const add = (rank: number, text: string, tone: ProgressPart['tone'] = 'plain') => parts.push({ rank, text, tone });
  // Padded, so that the line does not jump while the numbers grow.
  add(0, `step ${String(step).padStart(String(steps).length)}/${steps}`);
  if (loss !== undefined) add(4, `loss ${loss.toFixed(4)}`);
  if (bitsPerByte !== undefined) add(1, `${bitsPerByte.toFixed(3)} bits/byte`, 'strong');
  if (accuracy !== undefined) add(5, `${formatPercent(accuracy)} right`);
  if (validationBitsPerByte !== undefined) add(2, `validation ${validationBitsPerByte.toFixed(3)}`, 'strong');
  if (learningRate !== undefined) add(11, `rate ${learningRate.toExponential(2)}`, 'dim');
  if (secondsPerStep !== undefined) add(10, `${formatDuration(secondsPerStep)}/step`, 'dim');
  if (bytesPerSecond !== undefined) add(6, formatRate(bytesPerSecond, 'B'), 'dim');
  if (bitsPerSecond !== undefined) add(9, formatRate(bitsPerSecond, 'bit'), 'dim');
  if (flopsPerSecond !== undefined) add(7, formatRate(flopsPerSecond, 'FLOP'), 'dim');
  if (peakShare !== undefined) add(8, `${formatPercent(peakShare)} of peak`, 'dim');
  if (secondsLeft !== undefined) add(3, `${formatDuration(secondsLeft)} left`);
  return parts;
}

function lengthOf(parts: readonly ProgressPart[]): number {
  return parts.reduce((length, { text }) => length + text.length, SEPARATOR.length * (parts.length - 1));
}
