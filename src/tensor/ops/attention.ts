import type { Tensor } from '../graph.js';
import { apply } from '../op.js';
import { type ReferenceArray, sameShape, type TensorType } from '../types.js';
import { batchAttention, headsAxes, logSumAxes } from './attention-batch.js';
import { forwardPrimitives, gradientPrimitives } from './attention-primitives.js';
import { backwardReference, forwardReference } from './attention-reference.js';
import {
  type AttentionAttributes,
  type AttentionSizes,
  attentionPairs,
  attentionSizes,
  type Extents,
  extentsOf,
} from './attention-shapes.js';
import { checkDType, floats, type Primitive, primitive, streamingCost, type Three } from './define.js';
import { constant } from './leaves.js';

const attributeNames = ['causal', 'scale', 'chunkSize', 'overlap', 'keyLength', 'queryOffset'] as const;

const infer = (
  inputs: readonly TensorType[],
  first: number,
  attributes: AttentionAttributes,
  fail: (expected: string) => never,
): AttentionSizes => {
  const [q, k, v] = inputs as Three<TensorType>;
  for (const input of inputs.slice(0, first)) {
    checkDType(input, floats, 'operands', fail);
    if (input.dtype !== q.dtype) fail('operands must have the same dtype; cast() them');
  }
  const sizes = attentionSizes(q, k);
  const { batch, keys, heads, headDim } = sizes;
  if (q.shape.length !== 4 || !sameShape(k.shape, [batch, keys, heads, headDim]) || !sameShape(v.shape, k.shape)) {
    fail('expected q [batch, queries, heads, headDim] and k, v [batch, keys, heads, headDim]');
  }
  const { chunkSize, overlap } = attributes;
  if (![chunkSize, overlap].every((size) => Number.isSafeInteger(size) && size >= 0)) {
    fail(`chunkSize and overlap must be whole numbers from 0 on, not ${chunkSize} and ${overlap}`);
  }
  const { keyLength, queryOffset } = extentsOf(inputs, first, attributes);
  for (const extent of [keyLength, queryOffset]) {
    if (extent && (extent.dtype !== 'i32' || !sameShape(extent.shape, [batch]))) {
      fail('keyLength and queryOffset must be i32 [batch]');
    }
  }
  return sizes;
};

export const attentionGradientOp: Primitive<AttentionAttributes> = primitive<AttentionAttributes>({
  name: 'attentionGradient',
  summary: 'Gradient of attention: dq, dk, dv from the operands, the result, its log sums and dO.',
  operands: ['q', 'k', 'v', 'o', 'logSumExp', 'dO', 'keyLength?', 'queryOffset?'],
  attributeNames,
  kind: 'kernel',
  infer: (inputs, attributes, fail) => {
    const { batch, heads, queries } = infer(inputs, 6, attributes, fail);
    const [q, k, v, o, logSumExp, dO] = inputs;
    if (!sameShape(o!.shape, q!.shape) || !sameShape(dO!.shape, q!.shape)) fail('o and dO must have the shape of q');
    if (!sameShape(logSumExp!.shape, [batch, heads, queries])) fail('logSumExp must be [batch, heads, queries]');
    return [q!, k!, v!].map(({ shape, dtype }) => ({ shape, dtype }));
  },
  decompose: (inputs, attributes) => {
    const [q, k, v, o, logSumExp, dO] = inputs as readonly [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
    return gradientPrimitives({ q, k, v, o, logSumExp, dO, ...extentsOf(inputs, 6, attributes) }, attributes);
  },
  evaluate: (inputs, attributes, outputs) => {
    const operands = inputs as readonly [ReferenceArray, ReferenceArray, ReferenceArray, ...ReferenceArray[]];
    return backwardReference(operands, extentsOf(inputs, 6, attributes), attributes, outputs);
  },
  batch: (inputs, attributes, examples) => {
    const axes = [headsAxes, headsAxes, headsAxes, headsAxes, logSumAxes, headsAxes];
    const results = [headsAxes, headsAxes, headsAxes];
    return batchAttention(inputs, axes, results, examples, (all) => apply(attentionGradientOp, all, attributes));
  },
  // Four products; the fifth, computing the scores again, is not a model FLOP.
  cost: (inputs, outputs, attributes) => {
    const { batch, heads, headDim } = attentionSizes(inputs[0]!, inputs[1]!);
    return streamingCost(
      inputs,
      outputs,
      8 * batch * heads * headDim * attentionPairs(inputs[0]!, inputs[1]!, attributes),
    );
  },
});

export const attentionOp: Primitive<AttentionAttributes> = primitive<AttentionAttributes>({
  name: 'attention',
  summary: 'Softmax attention q [B, Tq, H, hd], k, v [B, Tk, H, hd]: o [B, Tq, H, hd] and the log sums [B, H, Tq].',
  operands: ['q', 'k', 'v', 'keyLength?', 'queryOffset?'],
  attributeNames,
  kind: 'kernel',
  infer: (inputs, attributes, fail) => {
    const { batch, heads, queries } = infer(inputs, 3, attributes, fail);
    const { shape, dtype } = inputs[0]!;
    return [
      { shape, dtype },
      { shape: [batch, heads, queries], dtype },
    ];
  },
  gradient: (node, [dO, dLogSumExp]) => {
    const [q, k, v, ...extents] = node.inputs as readonly [Tensor, Tensor, Tensor, ...Tensor[]];
    const none = extents.map(() => null);
    if (!dO && !dLogSumExp) return [null, null, null, ...none];
    const [o, logSumExp] = node.outputs as readonly [Tensor, Tensor];
    const dResult = dO ?? constant(0, o.shape, o.dtype);
    if (!dLogSumExp) {
      return [...apply(attentionGradientOp, [q, k, v, o, logSumExp, dResult, ...extents], node.attributes), ...none];
    }
    const operands = { q, k, v, o, logSumExp, dO: dResult, dLogSumExp, ...extentsOf(node.inputs, 3, node.attributes) };
    return [...gradientPrimitives(operands, node.attributes), ...none];
  },
  decompose: (inputs, attributes) => {
    const [q, k, v] = inputs as Three<Tensor>;
    return forwardPrimitives({ q, k, v, ...extentsOf(inputs, 3, attributes) }, attributes);
  },
  evaluate: (inputs, attributes, outputs) => {
    const operands = inputs as readonly [ReferenceArray, ReferenceArray, ReferenceArray, ...ReferenceArray[]];
    return forwardReference(operands, extentsOf(inputs, 3, attributes), attributes, outputs);
  },
  batch: (inputs, attributes, examples) => {
    const [axes, results] = [
      [headsAxes, headsAxes, headsAxes],
      [headsAxes, logSumAxes],
    ];
    return batchAttention(inputs, axes, results, examples, (all) => apply(attentionOp, all, attributes));
  },
  cost: (inputs, outputs, attributes) => {
    const { batch, heads, headDim } = attentionSizes(inputs[0]!, inputs[1]!);
    return streamingCost(
      inputs,
      outputs,
      4 * batch * heads * headDim * attentionPairs(inputs[0]!, inputs[1]!, attributes),
    );
  },
});

export { chunkBegin } from './attention-primitives.js';

export interface AttentionOperands {
  /** [batch, queries, heads, headDim] */
  readonly q: Tensor;
  /** [batch, keys, heads, headDim] */
  readonly k: Tensor;
  /** [batch, keys, heads, headDim] */
  readonly v: Tensor;
  /** i32 [batch]: how many keys are there; all of them where it is missing. */
  readonly keyLength?: Tensor;
  /** i32 [batch]: position of the first query among the keys, for `causal` and chunks; 0 where it is missing. */
  readonly queryOffset?: Tensor;
}

export interface AttentionOptions {
  /** A query sees the keys up to its own position. */
  readonly causal?: boolean;
  /** Factor of the scores, 1 / sqrt(headDim) unless told. */
  readonly scale?: number;
  /**
   * Positions [c chunkSize, (c + 1) chunkSize) see their own chunk and `overlap` positions on either side of it, as far as
   * these are visible at all. 0, or left out: everything. The time grows with the length, not with its square.
   */
  readonly chunkSize?: number;
  /** 0 unless told. */
  readonly overlap?: number;
}

/** What the op is told of its operands and of options with their defaults. */
export const attentionAttributes = (
  { q, keyLength, queryOffset }: { readonly q: Tensor } & Partial<Record<keyof Extents<Tensor>, Tensor | undefined>>,
  { causal = false, scale = 1 / Math.sqrt(q.shape.at(-1) ?? 1), chunkSize = 0, overlap = 0 }: AttentionOptions,
): AttentionAttributes => {
  const given = { keyLength: keyLength !== undefined, queryOffset: queryOffset !== undefined };
  return { causal, scale, chunkSize, overlap: chunkSize > 0 ? overlap : 0, ...given };
};

/**
 * Scaled dot-product attention with its log sums of exponentials, [batch, heads, queries]. Key j is visible to query i
 * when j < keyLength, if causal j <= i + queryOffset, and with chunks when it is near that of position i + queryOffset. A
 * query that sees no key gives 0, and -infinity as log sum.
 */
export const attentionWithLogSumExp = (
  { q, k, v, keyLength, queryOffset }: AttentionOperands,
  options: AttentionOptions = {},
): { o: Tensor; logSumExp: Tensor } => {
  const extents = [keyLength, queryOffset].filter((extent) => extent !== undefined);
  const attributes = attentionAttributes({ q, keyLength, queryOffset }, options);
  const [o, logSumExp] = apply(attentionOp, [q, k, v, ...extents], attributes);
  return { o: o!, logSumExp: logSumExp! };
};

/** Gradients of attention from what `attentionWithLogSumExp` gave, and the cotangent of `o`: of q, k and v. */
export const attentionGradient = (
  { q, k, v, keyLength, queryOffset }: AttentionOperands,
  { o, logSumExp, dO }: { readonly o: Tensor; readonly logSumExp: Tensor; readonly dO: Tensor },
  options: AttentionOptions = {},
): readonly Tensor[] => {
  const extents = [keyLength, queryOffset].filter((extent) => extent !== undefined);
  const attributes = attentionAttributes({ q, keyLength, queryOffset }, options);
  return apply(attentionGradientOp, [q, k, v, o, logSumExp, dO, ...extents], attributes);
};

/** Scaled dot-product attention (Vaswani et al. 2017): [batch, queries, heads, headDim]. See `attentionWithLogSumExp`. */
export const attention = (operands: AttentionOperands, options: AttentionOptions = {}): Tensor =>
  attentionWithLogSumExp(operands, options).o;
