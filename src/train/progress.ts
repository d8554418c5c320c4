import pc from 'picocolors';
import { type ProgressFacts, type ProgressPart, progressParts, SEPARATOR } from './progress-line.js';

/** Where the line goes: a terminal, or a pipe or file. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  /** Of a terminal; changes with its window. 0, as terminals without a window say, is as good as nothing. */
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressOptions {
  /** Steps to do in all. */
  readonly steps: number;
  /** What one step takes in. */
  readonly bytesPerStep: number;
  readonly bitsPerStep: number;
  readonly flopsPerStep: number;
  /** Measured peak of the machine in FLOP/s, for the share. */
  readonly peakFlops?: number;
  readonly stream?: ProgressStream;
  /** Without a terminal: seconds between two lines. */
  readonly plainSeconds?: number;
  /** Seconds, from any origin. */
  readonly now?: () => number;
}

/** What is new at a step. */
export interface ProgressUpdate {
  /** Steps done. */
  readonly step: number;
  readonly loss?: number;
  readonly bitsPerByte?: number;
  readonly accuracy?: number;
  readonly learningRate?: number;
  /** After an evaluation; shown from then on, and at once. */
  readonly validationBitsPerByte?: number;
  /** What the steps since the last update took. Default: the time since then, which counts evaluations and saving. */
  readonly seconds?: number;
}

export interface Progress {
  update(update: ProgressUpdate): void;
  /** Prints a line of its own above the live line. */
  note(text: string): void;
  /** Leaves the last state standing, on a line that is ended. */
  finish(): void;
}

/** A terminal is written to at most this often, in seconds. */
const REDRAW_SECONDS = 0.1;
/** The speed of this long ago counts 1/e. */
const MEMORY_SECONDS = 10;
const CLEAR_LINE = '\r\x1b[2K';

/**
 * The live line of a run: one line that is written over on a terminal, lines at intervals and at evaluations elsewhere.
 *
 * @example
 * const progress = createProgress({ steps: 1000, bytesPerStep: 4096, bitsPerStep: 32768, flopsPerStep: 3e9 });
 * progress.update({ step: 1, loss: 0.69, bitsPerByte: 5.5 });
 * progress.finish();
 */
export function createProgress(options: ProgressOptions): Progress {
  const { stream = process.stderr, plainSeconds = 10, now = () => performance.now() / 1000 } = options;
  const live = stream.isTTY === true;
  const speed = smoothedSpeed(MEMORY_SECONDS);
  let shown: ProgressFacts | undefined;
  let drawnAt = Number.NEGATIVE_INFINITY;
  let drawnStep = -1;
  let last: { readonly step: number; readonly time: number } = { step: Number.NaN, time: now() };

  const draw = (): void => {
    if (!shown) return;
    drawnAt = now();
    drawnStep = shown.step;
    // The last column stays free: some terminals wrap as soon as it is used.
    const parts = progressParts(shown, live ? (stream.columns || 80) - 1 : undefined);
    const line = parts.map((part) => painted(part, live)).join(SEPARATOR);
    stream.write(live ? `${CLEAR_LINE}${line}` : `${line}\n`);
  };

  return {
    update({ step, seconds, ...measured }) {
      const time = now();
      const isNews = measured.validationBitsPerByte !== undefined;
      // Where a resumed run starts is known with its first update: that one tells no speed unless it brings its time.
      const steps = Number.isNaN(last.step) ? Number(seconds !== undefined) : step - last.step;
      speed.add(steps, seconds ?? time - last.time);
      last = { step, time };
      shown = {
        ...shown,
        ...defined(measured),
        ...rates(options, step, speed.perSecond()),
        step,
        steps: options.steps,
      };
      if (isNews || step >= options.steps || time - drawnAt >= (live ? REDRAW_SECONDS : plainSeconds)) draw();
    },
    note(text) {
      stream.write(live ? `${CLEAR_LINE}${text}\n` : `${text}\n`);
      if (live) draw();
    },
    finish() {
      if (live ? shown : shown && shown.step !== drawnStep) draw();
      if (live && shown) stream.write('\n');
      shown = undefined;
    },
  };
}

/** Steps per second, recent ones counting most: an average over past seconds whose weight falls off exponentially. */
export function smoothedSpeed(memorySeconds: number): {
  add(steps: number, seconds: number): void;
  perSecond(): number | undefined;
} {
  // Both sums fade alike, so their quotient is right from the first measurement on.
  let steps = 0;
  let seconds = 0;
  return {
    add(newSteps, newSeconds) {
      if (!(newSteps > 0 && newSeconds > 0)) return;
      const fade = Math.exp(-newSeconds / memorySeconds);
      steps = steps * fade + newSteps;
      seconds = seconds * fade + newSeconds;
    },
    perSecond: () => (seconds > 0 ? steps / seconds : undefined),
  };
}

function rates(options: ProgressOptions, step: number, stepsPerSecond: number | undefined): Partial<ProgressFacts> {
  if (stepsPerSecond === undefined) return {};
  const flopsPerSecond = stepsPerSecond * options.flopsPerStep;
  return {
    secondsPerStep: 1 / stepsPerSecond,
    bytesPerSecond: stepsPerSecond * options.bytesPerStep,
    bitsPerSecond: stepsPerSecond * options.bitsPerStep,
    flopsPerSecond,
    peakShare: options.peakFlops === undefined ? undefined : flopsPerSecond / options.peakFlops,
    secondsLeft: Math.max(0, options.steps - step) / stepsPerSecond,
  };
}

/** What an update does not tell stays as it was. */
function defined(facts: Partial<ProgressFacts>): Partial<ProgressFacts> {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}

function painted({ text, tone }: ProgressPart, live: boolean): string {
  if (!live || tone === 'plain') return text;
  const colors = pc.createColors(!process.env.NO_COLOR);
  return tone === 'strong' ? colors.bold(text) : colors.dim(text);
}
