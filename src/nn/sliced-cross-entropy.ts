import {
  add,
  argmax,
  cast,
  equal,
  exp,
  iota,
  logSumExp,
  mul,
  reshape,
  sub,
  type Tensor,
  takeAlong,
} from '../tensor/index.js';
import { type RowLoss, slicedLoss } from './sliced-loss.js';

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
 * (de Brebisson and Vincent 2016); the loss that is returned leaves the last term out. Logits exist for a slice of the rows at
 * a time (`slicedLoss`); what is made of them is float64.
 *
 * A target outside of `0 .. classes - 1` ends the run with `E_PROGRAM`.
 */
export const slicedCrossEntropy = (
  states: Tensor,
  weight: Tensor,
  targets: Tensor,
  { zLoss = 0, slices, axisName }: SlicedCrossEntropyOptions = {},
): { loss: Tensor; accuracy: Tensor } => slicedLoss(states, weight, targets, softmaxLoss(zLoss), { slices, axisName });

const softmaxLoss = (zLoss: number): RowLoss => ({
  costs: (logits, targets) => {
    const truth = cast(takeAlong(logits, targets), 'f64');
    return sub(logSumExp(cast(logits, 'f64'), { keepDims: true }), truth);
  },
  hits: (logits, targets) => equal(argmax(logits), reshape(targets, [-1])),
  slopes: (outputs, targets) => {
    const logits = cast(outputs, 'f64');
    const total = logSumExp(logits, { keepDims: true }); // [rows, 1]
    const shares = mul(exp(sub(logits, total)), add(mul(total, 2 * zLoss), 1));
    return sub(shares, cast(equal(iota(logits.shape[1]!), targets), 'f64'));
  },
});
