import { join } from 'node:path';
import type { Argument, Compiled, Result } from '../compile/compile.js';
import { makeFolder } from '../core/files.js';
import { type RecordedProgram, type RecordedStep, type TraceFiles, writeTrace } from '../telemetry/index.js';
import type { RunConfig } from './config.js';
import type { Caller } from './stepper.js';

/** Measures the steps of a run that `trace` asks for: the same results, with the time of every kernel call. */
export class RunTrace implements Caller {
  /** Of the first traced step. */
  private origin: number | undefined;
  private readonly steps: RecordedStep[] = [];
  private programs: RecordedProgram[] | undefined;

  constructor(
    private readonly settings: RunConfig['trace'],
    private readonly runFolder: string,
  ) {}

  /** Makes the folder that was asked for: that it cannot be made is better known before the run. */
  async prepare(steps: number, warn: (message: string) => void): Promise<void> {
    const { enabled, start, outputPath } = this.settings;
    if (!enabled) return;
    if (start >= steps) warn(`trace.start is ${start}, but the run ends at step ${steps}: nothing is traced.`);
    else if (outputPath !== undefined) await makeFolder(outputPath);
  }

  get isMeasuring(): boolean {
    return this.programs !== undefined;
  }

  /** Whether the step behind `done` steps is to be traced. */
  covers(done: number): boolean {
    const { enabled, start, stop } = this.settings;
    return enabled && done >= start && done < stop;
  }

  /** Does the step behind `done` steps, traced where it is to be. */
  async step<R>(done: number, run: () => Promise<R>): Promise<R> {
    if (!this.covers(done)) return run();
    this.origin ??= performance.now();
    const programs: RecordedProgram[] = [];
    this.programs = programs;
    const began = this.now();
    try {
      return await run();
    } finally {
      this.programs = undefined;
      this.steps.push({ step: done + 1, began, ended: this.now(), programs });
    }
  }

  async call(name: string, program: Compiled, args: readonly Argument[]): Promise<Result> {
    if (!this.programs) return program(...args);
    const began = this.now();
    const { result, calls, plan } = await program.profile(...args);
    const seconds = Float64Array.from(calls, (call) => call.seconds);
    this.programs.push({ name, began, ended: this.now(), plan, seconds });
    return result;
  }

  /** Writes what was traced, once; nothing where there is nothing. A run that goes on from a traced step has files for each part. */
  async write(): Promise<TraceFiles | undefined> {
    const steps = this.steps.splice(0);
    const numbers = steps.map(({ step }) => step);
    if (steps.length === 0) return undefined;
    const name = `steps-${Math.min(...numbers)}-${Math.max(...numbers)}`;
    const wallTime = (performance.timeOrigin + this.origin!) / 1000;
    const folder = this.settings.outputPath ?? join(this.runFolder, 'trace');
    return writeTrace(folder, name, { name: `nonet ${this.runFolder}`, wallTime, steps });
  }

  private now(): number {
    return (performance.now() - this.origin!) / 1000;
  }
}
