import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { type ErrorCode, NonetError } from '../../core/errors.js';
import { packageFile } from '../../core/package-root.js';

declare const bufferBrand: unique symbol;
declare const programBrand: unique symbol;

/** Native memory: zeroed, aligned to 64 bytes, counted. Released by `free` or when it is garbage collected. */
export interface NativeBuffer {
  readonly [bufferBrand]: true;
}

/** A program that the native core has decoded and checked. */
export interface NativeProgram {
  readonly [programBrand]: true;
}

export interface NativeRunResult {
  readonly status: 'done' | 'guard' | 'notFinite';
  /** Number of the guard or check that ended the run; 0 when it is done. */
  readonly id: number;
  /** Repetitions completed. */
  readonly iteration: number;
  /** Wall time of the run without queueing. */
  readonly seconds: number;
  /** Seconds per instruction over all repetitions, when asked for; an attached row program counts with its host. */
  readonly profile?: Float64Array;
}

/**
 * The native core. Everything throws (or rejects with) a `NonetError`: `E_PROGRAM` for a program or call that it refuses,
 * `E_MEMORY` when the system has no room, `E_FILE` from `mapFile`, `E_CONFIG` for an impossible `NONET_ISA` or
 * `NONET_BF16`. Functions
 * do not depend on `this`.
 */
export interface NativeAddon {
  allocate(bytes: number): NativeBuffer;
  /** Releases the memory now, or when the last run that uses it ends. Freeing twice does nothing. */
  free(buffer: NativeBuffer): void;
  /** Copies all bytes of `data` into the buffer. Not to be called on memory that a run under way uses. */
  write(buffer: NativeBuffer, byteOffset: number, data: NodeJS.TypedArray): void;
  /** Fills `into` from the buffer. */
  read(buffer: NativeBuffer, byteOffset: number, into: NodeJS.TypedArray): void;
  copy(
    destination: NativeBuffer,
    destinationOffset: number,
    source: NativeBuffer,
    sourceOffset: number,
    bytes: number,
  ): void;

  /** Decodes and checks a program (see `encode.ts` for its words). */
  load(bytes: Uint8Array): NativeProgram;
  /** `scratchBytes`: what each thread of a run takes beside the segments. */
  programInfo(program: NativeProgram): { readonly scratchBytes: number };
  /**
   * Runs a program `repeat` times off the main thread; the process runs one at a time. `buffers` has one entry per
   * segment. An index out of range rejects with `E_PROGRAM`; what was written until then stays.
   */
  run(
    program: NativeProgram,
    buffers: readonly NativeBuffer[],
    repeat: number,
    threads: number,
    profile?: boolean,
  ): Promise<NativeRunResult>;

  /** Bytes held by buffers and running programs, and the most that were held since the last `resetPeak`. */
  memory(): { readonly current: number; readonly peak: number };
  resetPeak(): void;

  describe(): {
    /** `avx512`, `avx2`, `neon` or `baseline`. */
    readonly isa: string;
    /** Instruction sets that this CPU has, best first. */
    readonly available: readonly string[];
    /**
     * What carries out products of bf16 matrices: `amx`, `avx512bf16`, `f32` (widened on the way into the f32 kernels), or
     * an emulation of a unit, for tests.
     */
    readonly bf16: string;
    readonly availableBf16: readonly string[];
    readonly cpu: string;
    /** Hardware threads that this process may use. */
    readonly threads: number;
  };
  /**
   * Measures about `seconds` long: GFLOP/s of multiply-adds (`fma`), or GB/s over `bytes` of memory (`copy` counts what
   * it reads and what it writes; `read`), of all threads together.
   */
  probe(kind: 'fma' | 'copy' | 'read', seconds: number, threads: number, bytes?: number): Promise<number>;

  /** A file of at most `buffer.constants.MAX_LENGTH` bytes as memory, paged in on demand. Writing to it changes neither the file nor other maps of it. */
  mapFile(path: string): ArrayBuffer;

  /** Rows of partial sums that a column sum over `[rows, cols]` takes. */
  sumTasks(rows: number, cols: number): number;
  /** Bytes of a packed weight `[k, n]`. */
  packedBytes(k: number, n: number): number;
}

const builtAddon = (): string => packageFile('native/build/Release/nonet.node');

/**
 * Loads the native core, or the build of it that `NONET_ADDON` names. Without a usable build it returns the reason
 * instead; an impossible `NONET_ADDON`, `NONET_ISA` or `NONET_BF16` is the user's mistake and throws.
 */
export const loadAddon = (): { addon: NativeAddon; reason?: undefined } | { addon?: undefined; reason: string } => {
  let raw: NativeAddon;
  const wanted = process.env.NONET_ADDON;
  try {
    raw = createRequire(import.meta.url)(wanted ? resolve(wanted) : builtAddon()) as NativeAddon;
  } catch (error) {
    if (wanted)
      throw new NonetError('E_CONFIG', `NONET_ADDON is '${wanted}', which does not load: ${firstLine(error)}`);
    return { reason: firstLine(error) };
  }
  const addon: NativeAddon = {
    allocate: translated(raw.allocate),
    free: translated(raw.free),
    write: translated(raw.write),
    read: translated(raw.read),
    copy: translated(raw.copy),
    load: translated(raw.load),
    programInfo: translated(raw.programInfo),
    run: translatedPromise(raw.run),
    memory: translated(raw.memory),
    resetPeak: translated(raw.resetPeak),
    describe: translated(raw.describe),
    probe: translatedPromise(raw.probe),
    mapFile: translated(raw.mapFile),
    sumTasks: translated(raw.sumTasks),
    packedBytes: translated(raw.packedBytes),
  };
  addon.describe();
  return { addon };
};

const translated =
  <A extends unknown[], R>(call: (...args: A) => R): ((...args: A) => R) =>
  (...args) => {
    try {
      return call(...args);
    } catch (error) {
      throw toNonetError(error);
    }
  };

const translatedPromise =
  <A extends unknown[], R>(call: (...args: A) => Promise<R>): ((...args: A) => Promise<R>) =>
  async (...args) => {
    try {
      return await call(...args);
    } catch (error) {
      throw toNonetError(error);
    }
  };

const toNonetError = (error: unknown): unknown => {
  if (!(error instanceof Error) || !('code' in error)) return error;
  return new NonetError(error.code as ErrorCode, error.message, {}, { cause: error });
};

const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
