import {
  type AttentionOperands,
  type AttentionOptions,
  attention,
  attentionGradient,
  attentionWithLogSumExp,
  cast,
  matmul,
  type Tensor,
  traceContext,
  withContext,
} from '../tensor/index.js';
import { customGradient, recompute } from '../transform/index.js';

/*
 * What layers do under `withPrecision`: they multiply and attend through these functions, and name what they would keep for the
 * backward pass. In float32 each is the plain op.
 */

const isHalf = (): boolean => traceContext().precision === 'bf16';

const half = (x: Tensor): Tensor => cast(x, 'bf16');
const wide = (x: Tensor): Tensor => cast(x, 'f32');

/**
 * `matmul` of a layer's input and a weight. Under `bf16` both, and in the backward pass the cotangent and the gradients, are
 * rounded. The input is kept so; the weight, which is there anyway, is rounded once more.
 */
export const product = (x: Tensor, weight: Tensor, options: { transposeB?: boolean } = {}): Tensor =>
  isHalf() ? recompute((y, w) => [matmul(y!, half(w!), options)])(half(x), weight)[0]! : matmul(x, weight, options);

/** `f(x)`. Under `bf16` the backward pass computes it again from `x` rounded, which is all of it that is kept. */
export const keepingInput = (f: (x: Tensor) => Tensor, x: Tensor): Tensor =>
  isHalf() ? recompute((y) => [f(y!)], { keep: 'bf16' })(x)[0]! : f(x);

/**
 * `attention` of a layer. Under `bf16` operands and result are rounded, and kept so for the backward pass, which rounds
 * cotangents too; scores, their sums and those of values are float32.
 */
export const attend = (operands: AttentionOperands, options: AttentionOptions): Tensor => {
  if (!isHalf()) return attention(operands, options);
  const { q, k, v, ...extents } = operands;
  const widened = ([q, k, v]: readonly Tensor[]): AttentionOperands => ({
    ...extents,
    ...{ q: wide(q!), k: wide(k!), v: wide(v!) },
  });
  const [o] = customGradient(
    (...heads) => {
      const { o, logSumExp } = attentionWithLogSumExp(widened(heads), options);
      return [half(o), logSumExp];
    },
    ({ inputs, outputs: [o, logSumExp], cotangents: [dO] }) => {
      if (!dO) return [null, null, null];
      const again = widened(inputs);
      const result = { o: wide(o!), logSumExp: logSumExp!, dO: wide(dO) };
      // All else has not been computed before.
      const gradients = withContext({ recomputed: false }, () => attentionGradient(again, result, options));
      return gradients.map(half);
    },
  )(half(q), half(k), half(v));
  return wide(o!);
};
