import { defaultExecutor } from '../compile/default-executor.js';
import { NativeExecutor } from '../compile/native/executor.js';
import type { MachineSpeed } from './expected-time.js';

const peaks = new Map<number, number>();

/** Measured peak of fused multiply-adds in FLOP/s on as many threads as programs use; undefined without the native core. */
export const measuredPeak = async (seconds = 0.15): Promise<number | undefined> => {
  const executor = defaultExecutor();
  if (!(executor instanceof NativeExecutor)) return undefined;
  const { threads, addon } = executor;
  const known = peaks.get(threads);
  if (known !== undefined) return known;
  const peak = (await addon.probe('fma', seconds, threads)) * 1e9;
  peaks.set(threads, peak);
  return peak;
};

/** Working set of the bandwidth probe: beyond the usual second-level caches. */
const probeBytes = 32 * 2 ** 20;

/** What the arithmetic and the memory of this machine give on as many threads as programs use. */
export const measuredSpeed = async (): Promise<MachineSpeed | undefined> => {
  const executor = defaultExecutor();
  const peak = await measuredPeak();
  if (peak === undefined || !(executor instanceof NativeExecutor)) return undefined;
  const { threads, addon } = executor;
  return { peak, bandwidth: (await addon.probe('copy', 0.1, threads, probeBytes)) * 1e9 };
};

/** What the engine computes with: recorded in checkpoints, since results are the same bit for bit only on one set. */
export const instructionSet = (): string => {
  const executor = defaultExecutor();
  return executor instanceof NativeExecutor ? executor.addon.describe().isa : 'reference';
};
