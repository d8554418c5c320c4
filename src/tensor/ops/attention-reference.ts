import { type ReferenceArray, rowMajorStrides, type TensorType } from '../types.js';
import { type AttentionAttributes, attentionSizes, type Extents, visibleKeys } from './attention-shapes.js';
import { referenceZeros } from './define.js';

type Operands = readonly [q: ReferenceArray, k: ReferenceArray, v: ReferenceArray, ...more: ReferenceArray[]];

/** A vector of headDim numbers inside an array [batch, position, head, headDim]. */
const vectorsOf = (array: ReferenceArray) => {
  const [batchStride, positionStride, headStride] = rowMajorStrides(array.shape) as [number, number, number, number];
  const width = array.shape[3]!;
  return (batch: number, position: number, head: number): Float64Array => {
    const start = batch * batchStride + position * positionStride + head * headStride;
    return array.data.subarray(start, start + width);
  };
};

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

const addScaled = (to: Float64Array, factor: number, from: Float64Array): void => {
  for (let i = 0; i < to.length; i++) to[i]! += factor * from[i]!;
};

/** Calls `visit` for every query of every head with the keys [from, to) that it sees. */
const forEachQuery = (
  [q, k]: Operands,
  { keyLength, queryOffset }: Extents<ReferenceArray>,
  attributes: AttentionAttributes,
  visit: (at: { batch: number; head: number; query: number; row: number }, from: number, to: number) => void,
): void => {
  const { batch, heads, queries, keys } = attentionSizes(q, k);
  for (let row = 0; row < batch * heads * queries; row++) {
    const [b, head, query] = [Math.floor(row / (heads * queries)), Math.floor(row / queries) % heads, row % queries];
    const live = Math.max(0, Math.min(keys, keyLength?.data[b] ?? keys));
    const [from, to] = visibleKeys(query + (queryOffset?.data[b] ?? 0), live, attributes);
    visit({ batch: b, head, query, row }, from, to);
  }
};

/** Attention as its formula reads: o and the log sums. */
export const forwardReference = (
  operands: Operands,
  extents: Extents<ReferenceArray>,
  attributes: AttentionAttributes,
  [oType, logSumExpType]: readonly TensorType[],
): ReferenceArray[] => {
  const [o, logSumExp] = [referenceZeros(oType!), referenceZeros(logSumExpType!)];
  const [q, k, v] = operands.slice(0, 3).map(vectorsOf) as [Vectors, Vectors, Vectors];
  const result = vectorsOf(o);
  forEachQuery(operands, extents, attributes, ({ batch, head, query, row }, from, to) => {
    const scores = Array.from(
      { length: to - from },
      (_, i) => attributes.scale * dot(q(batch, query, head), k(batch, from + i, head)),
    );
    const greatest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - greatest), 0);
    logSumExp.data[row] = from === to ? Number.NEGATIVE_INFINITY : greatest + Math.log(total);
    scores.forEach((score, i) => {
      addScaled(result(batch, query, head), Math.exp(score - greatest) / total, v(batch, from + i, head));
    });
  });
  return [o, logSumExp];
};

type Vectors = ReturnType<typeof vectorsOf>;

/** dq, dk, dv for operands q, k, v, o, logSumExp, dO. */
export const backwardReference = (
  operands: Operands,
  extents: Extents<ReferenceArray>,
  attributes: AttentionAttributes,
  outputs: readonly TensorType[],
): ReferenceArray[] => {
  const results = outputs.map(referenceZeros);
  const [dq, dk, dv] = results.map(vectorsOf) as [Vectors, Vectors, Vectors];
  const [q, k, v, o] = operands.slice(0, 4).map(vectorsOf) as [Vectors, Vectors, Vectors, Vectors];
  const logSumExp = operands[4]!;
  const dO = vectorsOf(operands[5]!);
  forEachQuery(operands, extents, attributes, ({ batch, head, query, row }, from, to) => {
    const [own, flow] = [q(batch, query, head), dO(batch, query, head)];
    const mean = dot(o(batch, query, head), flow);
    for (let key = from; key < to; key++) {
      const probability = Math.exp(attributes.scale * dot(own, k(batch, key, head)) - logSumExp.data[row]!);
      const dScore = attributes.scale * probability * (dot(flow, v(batch, key, head)) - mean);
      addScaled(dq(batch, query, head), dScore, k(batch, key, head));
      addScaled(dk(batch, key, head), dScore, own);
      addScaled(dv(batch, key, head), probability, flow);
    }
  });
  return results;
};
