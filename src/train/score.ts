import { type Compiled, compile } from '../compile/compile.js';
import { hostArray } from '../compile/host-array.js';
import type { State } from '../compile/state.js';
import { type ByteStore, bitWeights, evaluationWindows } from '../data/index.js';
import { type BitTransformer, bitCosts } from '../models/index.js';
import { bind, joinParameters, type ParameterState } from '../nn/index.js';
import { scope, type Tensor } from '../tensor/index.js';
import { createUsageMean, type ExpertUsage, expertUsageOf } from './expert-usage.js';

/** How well a model predicts some bytes. */
export interface Score {
  /** -log2 of the probability of all payload bits, per byte; the first byte costs 8 bits. */
  readonly bitsPerByte: number;
  /** Mean cross entropy of a parity bit in nats; null without parity. */
  readonly parityCrossEntropy: number | null;
  readonly bytes: number;
  /** Patches. */
  readonly context: number;
  /** Bytes from one window's end to the next; null where windows do not overlap. */
  readonly stride: number | null;
  /** Blocks that a position ran through, the mean over those whose bits count; only of models with `act`. */
  readonly meanDepth?: number;
  /** How the experts were used by positions whose bits count; only of models with experts. */
  readonly experts?: ExpertUsage;
  /** Surprise of every byte in bits, when asked for. */
  readonly perByte?: Float32Array;
}

export interface ScoreOptions {
  readonly parity: boolean;
  readonly stride?: number;
  readonly perByte?: boolean;
  /** Take data shorter than one window. */
  readonly allowShort?: boolean;
  readonly onProgress?: (windows: number, of: number) => void;
}

export type Scorer = (state: State, store: ByteStore, options: ScoreOptions) => Promise<Score>;

/** Positions of one native call: enough rows to keep the kernels busy. */
const positionsPerCall = 4096;

interface ScoredBatch {
  readonly inputs: Tensor;
  readonly targets: Tensor;
  /** Which positions count among those that the experts got; only of models with experts. */
  readonly counted?: Tensor;
}

/** Measures bits per byte with the parameters of a state; compiled once, used for every evaluation of a run. */
export const createScorer = (model: BitTransformer): Scorer => {
  const { contextLength, bitsPerPatch } = model.config;
  const rows = Math.max(1, Math.min(64, Math.floor(positionsPerCall / contextLength)));
  const costs: Compiled = compile((state: ParameterState, { inputs, targets, counted }: ScoredBatch) =>
    bind(model, joinParameters(state), () => {
      const { nodes, pondered, routed } = model.forward(inputs, { ...(counted && { counted }) });
      const bits = scope('loss', () => bitCosts(nodes, targets, bitsPerPatch));
      return { bits, ...(pondered && { depth: pondered.depth }), ...(routed && { expertUsage: routed.usage }) };
    }),
  );
  return async (state, store, options) => {
    const { parity, stride } = options;
    const { allowShort = false } = options;
    const windows = evaluationWindows({ store, bitsPerPatch, parity, contextLength, stride, allowShort });
    const perByte = options.perByte ? new Float32Array(store.length) : undefined;
    if (perByte) perByte[0] = 8;
    const frameBits = parity ? 9 : 8;
    let payload = 0;
    let parityNats = 0;
    let [blocksRun, positions] = [0, 0];
    let done = 0;
    const usages = createUsageMean();
    for (const batch of windows.batches(rows)) {
      const shape = [rows, contextLength];
      const counted = model.config.experts > 0 && Float32Array.from(batch.weights, (weight) => Number(weight > 0));
      const { bits, depth, expertUsage } = await costs(state, {
        inputs: hostArray(batch.inputs, shape),
        targets: hostArray(batch.targets, shape),
        ...(counted && { counted: hostArray(counted, shape) }),
      });
      if (counted)
        usages.add(
          expertUsage.data,
          1,
          counted.reduce((sum, one) => sum + one, 0),
        );
      const nats = bits.data as Float32Array; // [rows, contextLength, bitsPerPatch]
      const weights = bitWeights(batch.payloadMasks, bitsPerPatch);
      const depths = depth?.data as Float32Array | undefined; // [rows, contextLength]
      depths?.forEach((blocks, i) => {
        blocksRun += blocks * batch.weights[i]!;
        positions += batch.weights[i]!;
      });
      for (let i = 0; i < nats.length; i++) payload += nats[i]! * weights[i]!;
      if (parity) {
        const checks = bitWeights(batch.parityMasks, bitsPerPatch);
        for (let i = 0; i < nats.length; i++) parityNats += nats[i]! * checks[i]!;
      }
      if (perByte) addPerByte(perByte, nats, weights, batch.firstTargetBits, contextLength * bitsPerPatch, frameBits);
      done += rows;
      options.onProgress?.(Math.min(done, windows.count), windows.count);
    }
    const shares = usages.mean();
    return {
      bitsPerByte: (payload / Math.LN2 + 8) / store.length,
      parityCrossEntropy: parity ? parityNats / windows.parityBits : null,
      bytes: store.length,
      context: contextLength,
      stride: stride ?? null,
      ...(model.config.act && { meanDepth: blocksRun / positions }),
      ...(shares && { experts: expertUsageOf(model, shares) }),
      ...(perByte && { perByte }),
    };
  };
};

const addPerByte = (
  perByte: Float32Array,
  nats: Float32Array,
  weights: Float32Array,
  firstBits: Float64Array,
  bitsPerRow: number,
  frameBits: number,
): void => {
  for (let row = 0; row < firstBits.length; row++) {
    for (let bit = 0; bit < bitsPerRow; bit++) {
      const i = row * bitsPerRow + bit;
      if (weights[i]) perByte[Math.floor((firstBits[row]! + bit) / frameBits)]! += nats[i]! / Math.LN2;
    }
  }
};
