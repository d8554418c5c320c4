import type { Tensor } from '../graph.js';
import type { Mapped } from '../op.js';
import { type ReferenceArray, sameShape, type TensorType } from '../types.js';
import {
  checkDType,
  type NoAttributes,
  noGradient,
  type Primitive,
  primitive,
  referenceZeros,
  single,
  streamingCost,
  type Three,
} from './define.js';
import { foldInto, unfold } from './mapped.js';
import { unrolled } from './one-example.js';
import { firstLargest, keptBy, type Sampling, samplingKeys } from './sample-filters.js';

export const sampleOp: Primitive<NoAttributes> = primitive<NoAttributes>({
  name: 'sample',
  summary:
    'Draws an index (i32 [B]) from log-probabilities [B, V] with uniform [B]; settings [7]: temperature, top-k and other filters.',
  operands: ['logProbabilities', 'uniform', 'settings'],
  kind: 'kernel',
  infer: (inputs, _, fail) => {
    const [logits, uniform, settings] = inputs as Three<TensorType>;
    for (const input of inputs) checkDType(input, ['f32'], 'operands', fail);
    const [batch, size] = logits.shape;
    const fits =
      logits.shape.length === 2 &&
      sameShape(uniform.shape, [batch!]) &&
      sameShape(settings.shape, [samplingKeys.length]);
    if (!fits || size === 0) fail('expected logProbabilities [B, V], uniform [B] and settings [7]');
    return [{ shape: [batch!], dtype: 'i32' }];
  },
  gradient: noGradient,
  evaluate: (inputs, _, [output]) => {
    const [logits, uniform, settings] = inputs as Three<ReferenceArray>;
    const values = samplingKeys.map((key, i) => [key, settings.data[i]!] as const);
    const chosen = Object.fromEntries(values) as unknown as Sampling;
    const size = logits.shape[1]!;
    const out = referenceZeros(output!);
    for (let row = 0; row < out.data.length; row++) {
      const own = logits.data.subarray(row * size, (row + 1) * size);
      out.data[row] = pick(own, uniform.data[row]!, chosen);
    }
    return [out];
  },
  // More rows of one call, unless settings differ, of which a call has one.
  batch: (inputs, attributes, examples) => {
    const [logProbabilities, uniform, settings] = inputs as Three<Mapped>;
    if (settings.axis !== null) return unrolled(sampleOp, inputs, attributes, examples);
    const rows = [logProbabilities, uniform].map((input) => foldInto(input, 0, examples)) as [Tensor, Tensor];
    return [unfold(sample(...rows, settings.tensor), 0, examples)];
  },
  cost: (inputs, outputs) => streamingCost(inputs, outputs),
});

/**
 * Draws one index per row of `logProbabilities` (f32 [B, V], up to a constant of the row; -infinity never) by the numbers
 * `uniform` (f32 [B], in [0, 1)): i32 [B]. `settings` is f32 [7], the numbers of a `Sampling` in the order of `samplingKeys`.
 *
 * A draw is the greatest of `logProbabilities / temperature + Gumbel noise` over what the filters keep (Maddison et al. 2014),
 * which has the distribution p^(1/temperature) over these. One uniform number finds it: that distribution summed up in
 * the order of the indices, and inverted.
 */
export const sample = (logProbabilities: Tensor, uniform: Tensor, settings: Tensor): Tensor =>
  single(sampleOp, [logProbabilities, uniform, settings], {});

const pick = (logits: Float64Array, uniform: number, settings: Sampling): number => {
  const kept = keptBy(logits, settings);
  const greatest = firstLargest(logits, kept);
  if (settings.temperature === 0) return greatest;
  const weights = kept.map((i) => Math.exp((logits[i]! - logits[greatest]!) / settings.temperature));
  const target = uniform * weights.reduce((sum, weight) => sum + weight, 0);
  let passed = 0;
  let last = greatest;
  for (const [at, i] of kept.entries()) {
    if (weights[at] === 0) continue;
    passed += weights[at]!;
    last = i;
    if (target < passed) break;
  }
  return last;
};
