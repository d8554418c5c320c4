import type { TensorType } from '../types.js';

/** `keyLength` and `queryOffset` say whether that operand is there. With `chunkSize` 0 there are no chunks. */
export type AttentionAttributes = {
  readonly causal: boolean;
  readonly scale: number;
  readonly chunkSize: number;
  readonly overlap: number;
  readonly keyLength: boolean;
  readonly queryOffset: boolean;
};

export interface Extents<T> {
  readonly keyLength?: T;
  readonly queryOffset?: T;
}

/** The optional operands, which follow the `first` ones. */
export const extentsOf = <T>(inputs: readonly T[], first: number, attributes: AttentionAttributes): Extents<T> => {
  const keyLength = attributes.keyLength ? inputs[first] : undefined;
  const queryOffset = attributes.queryOffset ? inputs[first + (attributes.keyLength ? 1 : 0)] : undefined;
  return { ...(keyLength && { keyLength }), ...(queryOffset && { queryOffset }) };
};

export interface AttentionSizes {
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly heads: number;
  readonly headDim: number;
}

export const attentionSizes = (q: TensorType, k: TensorType): AttentionSizes => {
  const [batch = 0, queries = 0, heads = 0, headDim = 0] = q.shape;
  return { batch, queries, keys: k.shape[1] ?? 0, heads, headDim };
};

/** The keys [from, to) that a query at an absolute position sees, of the `live` ones. */
export const visibleKeys = (
  position: number,
  live: number,
  { causal, chunkSize, overlap }: AttentionAttributes,
): readonly [from: number, to: number] => {
  const begin = chunkSize > 0 ? Math.floor(position / chunkSize) * chunkSize : 0;
  const [first, end] = chunkSize > 0 ? [begin - overlap, begin + chunkSize + overlap] : [0, live];
  const to = Math.max(0, Math.min(live, end, causal ? position + 1 : live));
  return [Math.min(Math.max(0, first), to), to];
};

/**
 * Pairs of a query and a key it sees, per head, from shapes alone: offsets and live lengths are only known at run time,
 * so with an offset all keys are counted, or as many as one query can see of a band.
 */
export const attentionPairs = (q: TensorType, k: TensorType, attributes: AttentionAttributes): number => {
  const { queries, keys } = attentionSizes(q, k);
  if (attributes.queryOffset) return queries * Math.min(keys, widestSpan(attributes));
  let pairs = 0;
  for (let query = 0; query < queries; query++) {
    const [from, to] = visibleKeys(query, keys, attributes);
    pairs += to - from;
  }
  return pairs;
};

/** Keys that a query sees at most. */
const widestSpan = ({ causal, chunkSize, overlap }: AttentionAttributes): number =>
  chunkSize > 0 ? chunkSize + (causal ? 1 : 2) * overlap : Number.POSITIVE_INFINITY;
