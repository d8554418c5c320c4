import { type Compiled, compile } from '../compile/compile.js';
import { type HostArray, hostArray } from '../compile/host-array.js';
import { State } from '../compile/state.js';
import { NonetError } from '../core/errors.js';
import { type ByteStore, bitWeights, evaluationWindows } from '../data/index.js';
import { bitCosts, type LanguageModel, type StreamWindow } from '../models/index.js';
import { bind, joinParameters, type ParameterState } from '../nn/index.js';
import { scope, type Tensor, type TensorType, type Tree } from '../tensor/index.js';
import { createUsageMean, type ExpertUsage, expertUsageOf } from './expert-usage.js';
import { HaltMeans } from './halt-probs.js';

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
  /** Whether it was one pass over the data as a stream. */
  readonly stream?: true;
  /** Blocks that a position ran through, the mean over those whose bits count; only of models with `act`. */
  readonly meanDepth?: number;
  /** How the experts were used by positions whose bits count; only of models with experts. */
  readonly experts?: ExpertUsage;
  /**
   * Behind each block the sum of halting probabilities, 1 once a position has halted: the mean over the same positions. As many
   * as blocks were run by any of them; only of models with `act`.
   */
  readonly haltProbs?: readonly number[];
  /** Surprise of every byte in bits, when asked for. */
  readonly perByte?: Float32Array;
}

export interface ScoreOptions {
  readonly parity: boolean;
  readonly stride?: number;
  /** One pass over all of the data, window by window, with keys and values carried; not with a stride. */
  readonly stream?: boolean;
  readonly perByte?: boolean;
  /** Take data shorter than one window. */
  readonly allowShort?: boolean;
  readonly onProgress?: (windows: number, of: number) => void;
}

interface Batch {
  readonly inputs: Tensor;
  readonly targets: Tensor;
  /** Which positions count among those that the experts got; only of models with experts. */
  readonly counted?: Tensor;
}

interface StreamPlace {
  /** i32 [1] */
  readonly position: Tensor;
}

export type Scorer = (state: State, store: ByteStore, options: ScoreOptions) => Promise<Score>;

/** Positions of one native call: enough rows to keep the kernels busy. */
const positionsPerCall = 4096;

/** Measures bits per byte with the parameters of a state; compiled once, used for every evaluation of a run. */
export const createScorer = (model: LanguageModel): Scorer => {
  const { contextLength, bitsPerPatch, traits } = model;
  const { act, experts } = traits;
  const rowsAtOnce = Math.max(1, Math.min(64, Math.floor(positionsPerCall / contextLength)));
  const told = (parameters: ParameterState, { inputs, targets, counted }: Batch, stream?: StreamWindow) =>
    bind(model, joinParameters(parameters), () => {
      const { nodes, pondered, routed, carried } = model.forward(inputs, {
        ...(stream && { stream }),
        ...(counted && { counted }),
        // How experts are used is told by passes over all positions.
        skipHalted: experts === 0,
      });
      const bits = scope('loss', () => bitCosts(nodes, targets, bitsPerPatch));
      const { depth, haltProbs } = pondered ?? {};
      return {
        bits,
        ...(depth && { depth }),
        ...(haltProbs && { haltProbs }),
        ...(routed && { expertUsage: routed.usage }),
        ...(carried && { state: { carried } }),
      };
    });
  const apart: Compiled = compile((state: ParameterState, batch: Batch) => told(state, batch));
  const onwards: Compiled = compile(
    (state: ParameterState, { carried }: { carried: Tree<Tensor> }, { position, ...batch }: Batch & StreamPlace) =>
      told(state, batch, { position, carried }),
    { donate: { state: 1 } },
  );
  /** Scores batches that are given in order. */
  const scoring = (state: State, stream: boolean) => {
    if (!stream) return { run: (batch: Tree<HostArray>) => apart(state, batch), end: () => {} };
    let memory = State.create(state.executor, { carried: streamTypesOf(model) });
    let position = 0;
    const run = async (batch: Tree<HostArray>) => {
      const place = hostArray(Int32Array.of(position), [1]);
      const result = await onwards(state, memory, { ...(batch as object), position: place });
      memory = result.state;
      position += contextLength;
      return result;
    };
    return { run, end: () => memory.free() };
  };
  return async (state, store, options) => {
    const { parity, stride } = options;
    const { allowShort = false } = options;
    const stream = options.stream === true && stride === undefined;
    const rows = stream ? 1 : rowsAtOnce;
    const windows = evaluationWindows({ store, bitsPerPatch, parity, contextLength, stride, stream, allowShort });
    const scorer = scoring(state, stream);
    const halting = new HaltMeans(traits.layers);
    const perByte = options.perByte ? new Float32Array(store.length) : undefined;
    if (perByte) perByte[0] = 8;
    const frameBits = parity ? 9 : 8;
    let payload = 0;
    let parityNats = 0;
    let done = 0;
    const usages = createUsageMean();
    for (const batch of windows.batches(rows)) {
      const shape = [rows, contextLength];
      const counted = experts > 0 && Float32Array.from(batch.weights, (weight) => Number(weight > 0));
      const { bits, depth, haltProbs, expertUsage } = await scorer.run({
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
      if (depth) halting.add(depth, haltProbs, batch.weights);
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
    scorer.end();
    return {
      bitsPerByte: (payload / Math.LN2 + 8) / store.length,
      parityCrossEntropy: parity ? parityNats / windows.parityBits : null,
      bytes: store.length,
      context: contextLength,
      stride: stride ?? null,
      ...(stream && { stream }),
      ...(act && halting.result),
      ...(shares && { experts: expertUsageOf(model, shares) }),
      ...(perByte && { perByte }),
    };
  };
};

const streamTypesOf = (model: LanguageModel): Tree<TensorType> => {
  if (model.streamTypes) return model.streamTypes(1);
  const message = `a stream longer than the context: models of the family ${model.config.family} take none`;
  throw new NonetError('E_CONFIG', message);
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
