import type { PlannedCall, ProgramPlan } from '../../compile/executor.js';

/** Steps of a run with the time of every kernel call. Times are in seconds from the beginning of the trace. */
export interface RecordedTrace {
  readonly name: string;
  /** When it begins, seconds since 1970. */
  readonly wallTime: number;
  readonly steps: readonly RecordedStep[];
}

export interface RecordedStep {
  /** 1 is the first of the run. */
  readonly step: number;
  readonly began: number;
  readonly ended: number;
  readonly programs: readonly RecordedProgram[];
}

/** A call into the engine. */
export interface RecordedProgram {
  readonly name: string;
  readonly began: number;
  readonly ended: number;
  readonly plan: Pick<ProgramPlan, 'peakBytes' | 'arenaBytes' | 'stateBytes' | 'calls'>;
  /** Of each kernel call of the plan; 0 for one that was skipped, or runs inside the one before it. */
  readonly seconds: Float64Array;
}

/** A kernel call on the time axis. */
export interface Slice {
  readonly call: PlannedCall;
  readonly began: number;
  readonly seconds: number;
}

/**
 * The kernel calls that took time. They are laid end to end from the beginning of the program: their durations are
 * measured, and what lies between two of them is a few nanoseconds.
 */
export function* slicesOf({ began, plan, seconds }: RecordedProgram): Generator<Slice> {
  let at = began;
  for (const [i, call] of plan.calls.entries()) {
    const duration = seconds[i]!;
    if (duration > 0) yield { call, began: at, seconds: duration };
    at += duration;
  }
}

/** Bytes of the arena in use, wherever they change, from the first call of a program to none behind its last. */
export function* memoryOf(program: RecordedProgram): Generator<{ readonly at: number; readonly bytes: number }> {
  let before = 0;
  for (const { began, call } of slicesOf(program)) {
    if (call.aliveBytes !== before) yield { at: began, bytes: call.aliveBytes };
    before = call.aliveBytes;
  }
  if (before !== 0) yield { at: program.ended, bytes: 0 };
}

/** What a kernel call is called: `gemm blocks.3.feedForward.up`. */
export const labelOf = ({ kernel, scope }: PlannedCall): string => (scope === '' ? kernel : `${kernel} ${scope}`);
