import { type Compiled, compile } from '../compile/compile.js';
import { type HostArray, hostArray } from '../compile/host-array.js';
import type { State } from '../compile/state.js';
import { NonetError } from '../core/errors.js';
import type { LanguageModel } from '../models/index.js';
import { bind, joinParameters, type ParameterState } from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';

/** Means over positions of what halting tells. */
export class HaltMeans {
  private positions = 0;
  private blocksRun = 0;
  private deepest = 0;
  private isTold = true;
  private readonly sums: Float64Array;

  constructor(layers: number) {
    this.sums = new Float64Array(layers);
  }

  /** Depths [rows, C] and, where they are told, probabilities [layers, rows, C] of positions, each with a weight of 0 or 1. */
  add({ data: depths }: HostArray, probs: HostArray | undefined, weights: Float32Array): void {
    this.isTold &&= probs !== undefined;
    weights.forEach((weight, i) => {
      if (weight === 0) return;
      const depth = Number(depths[i]!);
      this.positions++;
      this.blocksRun += depth;
      this.deepest = Math.max(this.deepest, depth);
      for (let layer = 0; layer < this.sums.length; layer++) {
        this.sums[layer]! += Number(probs?.data[layer * weights.length + i] ?? 0);
      }
    });
  }

  get result(): { meanDepth: number; haltProbs?: readonly number[] } {
    const haltProbs = Array.from(this.sums.subarray(0, this.deepest), (sum) => sum / this.positions);
    return { meanDepth: this.blocksRun / this.positions, ...(this.isTold && { haltProbs }) };
  }
}

/**
 * The halting probabilities of patches (rows of `length` each) under a model with `act`, added up block by block: one array
 * f32 [rows, length] for each block that some position ran through, 1 from the block on at which a position has halted. Where all
 * halt early there are fewer arrays than layers. `state` holds the parameters and is only read.
 *
 * @throws NonetError `E_CONFIG` for a model without `act`, `E_SHAPE` for rows longer than the context and patches that are no
 *   whole rows.
 *
 * @example
 * const { model, state } = await loadRun('book');
 * const probs = await haltProbs(model, state, Int32Array.from(new TextEncoder().encode('Call me Ishmael')), 15);
 */
export const haltProbs = async (
  model: LanguageModel,
  state: State,
  patches: Int32Array,
  length: number,
): Promise<HostArray[]> => {
  if (!model.traits.act) throw new NonetError('E_CONFIG', 'haltProbs: only a model with model.act halts');
  const rows = patches.length / length;
  if (!Number.isInteger(rows)) {
    const message = `haltProbs: ${patches.length} patches are no rows of ${length}: give a length that divides their number`;
    throw new NonetError('E_SHAPE', message, { patches: patches.length, length });
  }
  const program: Compiled = compile((parameters: ParameterState, inputs: Tensor) =>
    bind(model, joinParameters(parameters), () => {
      const { depth, haltProbs: probs } = model.forward(inputs, { skipHalted: true }).pondered!;
      return { depth, probs: probs! };
    }),
  );
  const { depth, probs } = await program(state, hostArray(patches, [rows, length]));
  const deepest = (depth.data as Float32Array).reduce((most, one) => Math.max(most, one), 0);
  return Array.from({ length: deepest }, (_, layer) =>
    hostArray((probs.data as Float32Array).slice(layer * patches.length, (layer + 1) * patches.length), [rows, length]),
  );
};
