import type { Tensor } from '../graph.js';
import type { Examples, Mapped } from '../op.js';
import { foldInto, unfold } from './mapped.js';

/** Where an operand or result has its batch and its heads; an extent has no heads. */
export interface AttentionAxes {
  readonly batch: number;
  readonly heads?: number;
}

export const headsAxes: AttentionAxes = { batch: 0, heads: 2 }; // [batch, length, heads, headDim]
export const logSumAxes: AttentionAxes = { batch: 0, heads: 1 }; // [batch, heads, length]
const extentAxes: AttentionAxes = { batch: 0 };

/**
 * Attention of many examples as one call with more heads, or with a longer batch where the examples already lie in front or
 * have extents of their own. `axes` are those of the first operands; extents follow.
 */
export const batchAttention = (
  inputs: readonly Mapped[],
  axes: readonly AttentionAxes[],
  results: readonly AttentionAxes[],
  examples: Examples,
  compute: (inputs: readonly Tensor[]) => readonly Tensor[],
): Mapped[] => {
  const all = inputs.map((_, i) => axes[i] ?? extentAxes);
  const mapped = inputs.flatMap(({ axis }, i) => (axis === null ? [] : [{ axis, heads: all[i]!.heads }]));
  const inFront = mapped.every(({ axis }) => axis === 0);
  if (inFront || mapped.some(({ heads }) => heads === undefined)) {
    const outputs = compute(inputs.map((input) => foldInto(input, 0, examples)));
    return outputs.map((output) => unfold(output, 0, examples));
  }
  // Behind the heads where the first operand has them there: then nothing moves.
  const inner = mapped[0]!.axis === mapped[0]!.heads! + 1;
  const outputs = compute(
    inputs.map((input, i) => {
      const { heads } = all[i]!;
      return heads === undefined ? input.tensor : foldInto(input, heads, examples, inner);
    }),
  );
  return outputs.map((output, i) => unfold(output, results[i]!.heads!, examples, inner));
};
