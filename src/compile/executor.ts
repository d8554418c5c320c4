import type { Shape } from '../tensor/types.js';
import type { HostArray, TypedArray } from './host-array.js';
import type { Program, StateLayout } from './program.js';

/** Memory that holds a state: one allocation with every leaf at an offset. */
export interface StateMemory {
  readonly bytes: number;
  read(offset: number, into: TypedArray, dtype: string): void;
  write(offset: number, from: TypedArray, dtype: string): void;
  free(): void;
}

/** One kernel call of a program. */
export interface PlannedCall {
  readonly kernel: string;
  /** Names of the ops that it computes. */
  readonly ops: readonly string[];
  /** Module path of the first of them. */
  readonly scope: string;
  /** Shape of what it computes. */
  readonly shape: Shape;
  /** Model FLOPs of its ops: a multiply-add is 2, the causal half is counted. */
  readonly flops: number;
  /** Bytes of the memory that its operands lie in. */
  readonly bytes: number;
  /** Bytes of the arena that hold values while it runs. */
  readonly aliveBytes: number;
  /** Runs inside the tasks of the call before it, whose time then includes its own. */
  readonly attached: boolean;
}

/** What a program takes, so that a run can be judged before it starts. */
export interface ProgramPlan {
  /** High-water mark of all native memory of a call: arena, states, constants, inputs, outputs, scratch of all threads. */
  readonly peakBytes: number;
  readonly arenaBytes: number;
  readonly stateBytes: number;
  readonly constantBytes: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly scratchBytes: number;
  /** Kernel calls in order, for `plan --explain` and tests. */
  readonly calls: readonly PlannedCall[];
}

export interface RunRequest {
  readonly states: readonly StateMemory[];
  /** Array inputs in the order of the program's inputs; stacked along a new first dimension when `repeat` > 1. */
  readonly arrays: readonly (HostArray | undefined)[];
  readonly repeat: number;
  /** Look at every result and stop at the first NaN or infinity. Slow; for finding out what went wrong. */
  readonly checkFinite?: boolean;
  /** Measure every kernel call. */
  readonly profile?: boolean;
}

export type RunResult =
  | {
      readonly status: 'done';
      readonly outputs: readonly HostArray[];
      /** Seconds of each call of the plan, when asked for. */
      readonly seconds?: Float64Array;
    }
  /** A guard ended the run in a repetition; `outputs` of the repetitions before it are valid. */
  | {
      readonly status: 'guard';
      readonly code: string;
      readonly repetition: number;
      readonly outputs: readonly HostArray[];
    }
  | { readonly status: 'notFinite'; readonly op: string; readonly scope: string; readonly repetition: number };

/** A program made ready for one executor. */
export interface Executable {
  readonly plan: ProgramPlan;
  run(request: RunRequest): Promise<RunResult>;
}

export interface PrepareOptions {
  readonly states: readonly { readonly argument: number; readonly layout: StateLayout }[];
  /** Passes on; off gives the same bits more slowly. */
  readonly optimize: boolean;
  /** Memory reuse on; off gives every value memory of its own. */
  readonly reuse: boolean;
}

/** Runs programs: natively, or in plain TypeScript as the oracle and fallback. */
export interface Executor {
  readonly name: 'native' | 'reference';
  allocateState(layout: StateLayout): StateMemory;
  prepare(program: Program, options: PrepareOptions): Executable;
}
