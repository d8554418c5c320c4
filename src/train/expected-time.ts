import type { PlannedCall } from '../compile/executor.js';

/** What a machine can do, measured. */
export interface MachineSpeed {
  /** FLOP/s of fused multiply-adds. */
  readonly peak: number;
  /** Bytes/s copied from memory to memory. */
  readonly bandwidth: number;
}

/** The shares of the FMA peak that kernels usually reach in whole runs; the benchmarks have them by shape. */
const usualShares: Readonly<Record<string, number>> = {
  gemm: 0.7,
  convolution: 0.7,
  convolutionGradient: 0.65,
  groupedGemm: 0.55,
  groupedOuter: 0.55,
  gemmBf16: 0.55,
  attentionForward: 0.35,
  attentionBackward: 0.3,
};

/** All others go over values one by one: they are bound by memory, or by the arithmetic of many ops at each value. */
const elementwise = { ofPeak: 0.05, ofBandwidth: 0.6 };

/** Seconds to expect of the calls of a program, one after the other, what is computed again included. */
export const expectedSeconds = (calls: readonly PlannedCall[], { peak, bandwidth }: MachineSpeed): number =>
  calls.reduce((total, { kernel, flops, bytes, attached }) => {
    if (attached) return total;
    const share = usualShares[kernel];
    const slow = flops / (peak * elementwise.ofPeak);
    return total + (share ? flops / (peak * share) : Math.max(slow, bytes / (bandwidth * elementwise.ofBandwidth)));
  }, 0);
