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

export const sampleOp: Primitive<NoAttributes> = primitive<NoAttributes>({
  name: 'sample',
  summary:
    'Draws an index (i32 [B]) from log-probabilities [B, V] with uniform [B]; settings: temperature, topK, topP.',
  operands: ['logProbabilities', 'uniform', 'settings'],
  kind: 'kernel',
  infer: (inputs, _, fail) => {
    const [logits, uniform, settings] = inputs as Three<TensorType>;
    for (const input of inputs) checkDType(input, ['f32'], 'operands', fail);
    const [batch, size] = logits.shape;
    const fits = logits.shape.length === 2 && sameShape(uniform.shape, [batch!]) && sameShape(settings.shape, [3]);
    if (!fits || size === 0) fail('expected logProbabilities [B, V], uniform [B] and settings [3]');
    return [{ shape: [batch!], dtype: 'i32' }];
  },
  gradient: noGradient,
  evaluate: (inputs, _, [output]) => {
    const [logits, uniform, settings] = inputs as Three<ReferenceArray>;
    const [temperature, topK, topP] = settings.data as unknown as Three<number>;
    const size = logits.shape[1]!;
    const out = referenceZeros(output!);
    for (let row = 0; row < out.data.length; row++) {
      const own = logits.data.subarray(row * size, (row + 1) * size);
      out.data[row] = pick(own, uniform.data[row]!, { temperature, topK, topP });
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
 * Draws one index per row of `logProbabilities` (f32 [B, V], -infinity never) by the numbers `uniform` (f32 [B], in
 * [0, 1)): i32 [B]. `settings` is f32 [3]: temperature (0 takes the greatest), top-k (0 keeps all), top-p (1 keeps all).
 */
export const sample = (logProbabilities: Tensor, uniform: Tensor, settings: Tensor): Tensor =>
  single(sampleOp, [logProbabilities, uniform, settings], {});

interface Settings {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
}

const pick = (logits: Float64Array, uniform: number, { temperature, topK, topP }: Settings): number => {
  // By falling probability; of equal ones the lower index first.
  const order = Array.from(logits.keys()).sort((a, b) =>
    logits[b]! > logits[a]! ? 1 : logits[b] === logits[a] ? a - b : -1,
  );
  const greatest = order[0]!;
  if (temperature === 0) return greatest;
  const weight = (i: number): number => Math.exp((logits[i]! - logits[greatest]!) / temperature);
  const total = (indices: readonly number[]): number => indices.reduce((sum, i) => sum + weight(i), 0);

  const top = topK >= 1 ? order.slice(0, Math.trunc(topK)) : order;
  const enough = topP * total(top);
  let reached = 0;
  const kept: number[] = [];
  for (const i of top) {
    if (kept.length > 0 && (reached >= enough || weight(i) === 0)) break;
    kept.push(i);
    reached += weight(i);
  }

  kept.sort((a, b) => a - b);
  const target = uniform * total(kept);
  let passed = 0;
  for (const i of kept) {
    passed += weight(i);
    if (target < passed) return i;
  }
  return kept.at(-1)!;
};
