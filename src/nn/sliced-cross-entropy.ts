import {
  add,
  allReduceSum,
  argmax,
  cast,
  concat,
  elementCount,
  equal,
  exp,
  iota,
  logSumExp,
  matmul,
  mul,
  reshape,
  slice,
  square,
  sub,
  sum,
  type Tensor,
  takeAlong,
  withContext,
} from '../tensor/index.js';
import { customGradient, sumOfCotangents, withSquare } from '../transform/index.js';

export interface SlicedCrossEntropyOptions {
  /** Weight of the squared log-sum-exp in the gradient; 0 unless told. */
  readonly zLoss?: number;
  /** Parts that the rows are cut into; unless told one for each 128 classes. */
  readonly slices?: number;
  /** A named axis of devices whose logits add up, each having states and a weight of its own; none unless told. */
  readonly axisName?: string;
}

/**
 * Softmax cross entropy of a projection, `states` [..., features] by `weight` [features, classes], with the classes that
 * `targets` (i32 [...]) name: the mean of `logsumexp(z) - z[target]` in nats, and the share of rows whose greatest logit is
 * the target's: f32 scalars, of f64 states f64.
 *
 * The gradient is that of the mean of `logsumexp(z) - z[target] + zLoss logsumexp(z)^2`, which keeps logits from drifting
 * (de Brebisson and Vincent 2016); the loss that is returned leaves the last term out. Logits are computed for a slice of
 * the rows at a time, forward and once more backward, so that those of all rows never exist; what is made of them is float64.
 *
 * A target outside of `0 .. classes - 1` ends the run with `E_PROGRAM`.
 */
export const slicedCrossEntropy = (
  states: Tensor,
  weight: Tensor,
  targets: Tensor,
  { zLoss = 0, slices, axisName }: SlicedCrossEntropyOptions = {},
): { loss: Tensor; accuracy: Tensor } => {
  const rows = elementCount(targets.shape);
  const [features, classes] = weight.shape as readonly [number, number];
  const examples = states.shape[0]!;
  const size = Math.ceil(rows / (slices ?? Math.ceil(classes / 128)));
  const parts = Array.from({ length: Math.ceil(rows / size) }, (_, i) => ({
    start: i * size,
    end: Math.min(rows, (i + 1) * size),
  }));
  const sliced = (x: Tensor, t: Tensor) => {
    const [flat, index] = [reshape(x, [rows, features]), reshape(t, [rows, 1])];
    return parts.map((part) => [slice(flat, { axis: 0, ...part }), slice(index, { axis: 0, ...part })] as const);
  };

  const overDevices = (x: Tensor): Tensor => (axisName === undefined ? x : allReduceSum(x, axisName));

  const forward = (x: Tensor, w: Tensor, t: Tensor): readonly Tensor[] => {
    const sums = sliced(x, t).map(([own, index]) => {
      const logits = overDevices(matmul(own, w)); // [rows of the slice, classes]
      const truth = cast(takeAlong(logits, index), 'f64');
      const costs = sub(logSumExp(cast(logits, 'f64'), { keepDims: true }), truth);
      const hits = equal(argmax(logits), reshape(index, [-1]));
      return [sum(costs), sum(cast(hits, 'f64'))] as const;
    });
    const shareOf = (terms: readonly Tensor[]) =>
      cast(mul(terms.reduce(add), 1 / rows), w.dtype === 'f64' ? 'f64' : 'f32');
    return [shareOf(sums.map(([costs]) => costs)), shareOf(sums.map(([, hits]) => hits))];
  };

  const [loss, accuracy] = customGradient(
    (x, w, t) => forward(x!, w!, t!),
    ({ inputs, cotangents: [dLoss] }) => {
      const [x, w, t] = inputs as [Tensor, Tensor, Tensor];
      if (!dLoss) return [null, null, null];
      // Each device tells the loss that all of them have; what it means to any comes back to all.
      const scale = mul(cast(overDevices(dLoss), 'f64'), 1 / rows);
      const gradients = sliced(x, t).map(([own, index]) => {
        const logits = cast(overDevices(matmul(own, w)), 'f64');
        return withContext({ recomputed: false }, () => {
          const total = logSumExp(logits, { keepDims: true }); // [rows of the slice, 1]
          const shares = mul(exp(sub(logits, total)), add(mul(total, 2 * zLoss), 1));
          const truth = cast(equal(iota(classes), index), 'f64');
          const dLogits = cast(mul(sub(shares, truth), scale), own.dtype);
          const ofWeight = (a: Tensor, b: Tensor) => cast(matmul(a, b, { transposeA: true }), w.dtype);
          const squareOf = (y: Tensor) => cast(square(cast(y, 'f32')), y.dtype);
          return {
            x: cast(matmul(dLogits, w, { transposeB: true }), x.dtype),
            w: withSquare(ofWeight(own, dLogits), () => mul(ofWeight(squareOf(own), squareOf(dLogits)), examples)),
          };
        });
      });
      const dx = concat(
        gradients.map((gradient) => gradient.x),
        0,
      );
      return [reshape(dx, x.shape), gradients.map((gradient) => gradient.w).reduce(sumOfCotangents), null];
    },
  )(states, weight, targets) as [Tensor, Tensor];
  return { loss, accuracy };
};
