import type { TensorType } from '../types.js';

/** `keyLength` and `queryOffset` say whether that operand is there. */
export type AttentionAttributes = {
  readonly causal: boolean;
  readonly scale: number;
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

/**
 * Pairs of a query and a key it sees, per head, from shapes alone: offsets and live lengths are only known at run time,
 * so with an offset all keys are counted.
 */
export const attentionPairs = (q: TensorType, k: TensorType, { causal, queryOffset }: AttentionAttributes): number => {
  const { queries, keys } = attentionSizes(q, k);
  if (!causal || queryOffset) return queries * keys;
  const growing = Math.min(queries, keys);
  return (growing * (growing + 1)) / 2 + (queries - growing) * keys;
};
