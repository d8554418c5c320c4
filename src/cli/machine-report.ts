import { cpus, totalmem } from 'node:os';
import { compile } from '../compile/compile.js';
import { hostArray } from '../compile/host-array.js';
import { loadAddon, type NativeAddon } from '../compile/native/addon.js';
import { NativeExecutor } from '../compile/native/executor.js';
import { State } from '../compile/state.js';
import { matmul, sum, type Tensor } from '../tensor/index.js';
import { memoryLimit } from '../train/plan.js';
import { measureSecondThread, type SecondThread } from './second-thread.js';

/** Bandwidth over a working set, in GB/s; a copy counts what it reads and what it writes. */
export interface Bandwidth {
  readonly bytes: number;
  readonly read: number;
  readonly copy: number;
}

/** What the native core reaches on this machine. */
export interface NativeReport {
  readonly isa: string;
  readonly available: readonly string[];
  /** What carries out products of bf16 matrices, and what of that the processor has, best first. */
  readonly bf16: string;
  readonly availableBf16: readonly string[];
  readonly threads: number;
  /** Fused multiply-adds in registers, GFLOP/s on one thread. */
  readonly fma: number;
  /** A product of two square matrices, GFLOP/s on one thread, and its size. */
  readonly gemm: number;
  readonly gemmSize: number;
  readonly bandwidths: readonly Bandwidth[];
  /** How much faster two threads are than one; null on a machine with one. */
  readonly secondThread: (SecondThread & { readonly gemm: number }) | null;
}

/** What `nonet doctor` finds. */
export interface MachineReport {
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  /** Bytes: of the machine, and free for a run with the limits of a container counted. */
  readonly memory: { readonly total: number; readonly available: number };
  /** Null where the reference executor serves. */
  readonly native: NativeReport | null;
  /** Why there is no native core. */
  readonly reason?: string;
}

const gemmSize = 768;
/** One in the first-level cache, one in the second, one that takes memory itself. */
const workingSets = [16 << 10, 512 << 10, 128 << 20];

/** Measures the machine; every measurement takes about `seconds`. */
export const machineReport = async (seconds = 0.15): Promise<MachineReport> => {
  const { addon, reason } = loadAddon();
  const processors = cpus();
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: addon?.describe().cpu ?? processors[0]?.model ?? 'unknown',
    cores: addon?.describe().threads ?? processors.length,
    memory: { total: totalmem(), available: memoryLimit() },
    native: addon ? await nativeReport(addon, seconds) : null,
    ...(reason === undefined ? {} : { reason }),
  };
};

const nativeReport = async (addon: NativeAddon, seconds: number): Promise<NativeReport> => {
  const { isa, available, bf16, availableBf16, threads } = addon.describe();
  const fma = await addon.probe('fma', seconds, 1);
  const gemm = await gemmRate(addon, 1, seconds);
  const bandwidths: Bandwidth[] = [];
  for (const bytes of workingSets) {
    const read = await addon.probe('read', seconds, 1, bytes);
    bandwidths.push({ bytes, read, copy: await addon.probe('copy', seconds, 1, bytes) });
  }
  const secondThread =
    threads < 2
      ? null
      : { ...(await measureSecondThread(addon, seconds)), gemm: (await gemmRate(addon, 2, seconds)) / gemm };
  return { isa, available, bf16, availableBf16, threads, fma, gemm, gemmSize, bandwidths, secondThread };
};

/** GFLOP/s of a product as programs do it, its result summed so that nothing but a number comes back. */
const gemmRate = async (addon: NativeAddon, threads: number, seconds: number): Promise<number> => {
  const executor = new NativeExecutor(addon, threads);
  const product = compile(({ a, b }: { a: Tensor; b: Tensor }) => ({ total: sum(matmul(a, b)) }), { executor });
  const values = hostArray(
    Float32Array.from({ length: gemmSize * gemmSize }, (_, i) => (i % 17) / 17),
    [gemmSize, gemmSize],
  );
  const state = State.create(executor, { a: values, b: values });
  try {
    await product(state);
    let best = Number.POSITIVE_INFINITY;
    for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
      const began = performance.now();
      await product(state);
      best = Math.min(best, (performance.now() - began) / 1000);
    }
    return (2 * gemmSize ** 3) / best / 1e9;
  } finally {
    state.free();
  }
};
