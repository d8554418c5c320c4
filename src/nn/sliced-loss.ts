import {
  add,
  allReduceSum,
  cast,
  concat,
  elementCount,
  matmul,
  mul,
  reshape,
  slice,
  square,
  sum,
  type Tensor,
  withContext,
} from '../tensor/index.js';
import { customGradient, sumOfCotangents, withSquare } from '../transform/index.js';

/** What rows of outputs, f32 [rows, outputs] (of f64 states f64), cost and how they change that, given targets i32 [rows, 1]. */
export interface RowLoss {
  /** Their sum is what all rows cost: f64, of any shape. */
  costs(outputs: Tensor, targets: Tensor): Tensor;
  /** Whether the most probable of each row is its target: bool [rows]. */
  hits(outputs: Tensor, targets: Tensor): Tensor;
  /** The gradient of the sum of costs, [rows, outputs], with terms that only the gradient has. */
  slopes(outputs: Tensor, targets: Tensor): Tensor;
}

export interface SlicedLossOptions {
  /** Parts that the rows are cut into; unless told one for each 128 outputs. */
  readonly slices?: number | undefined;
  /** A named axis of devices whose outputs add up, each having states and a weight of its own; none unless told. */
  readonly axisName?: string | undefined;
}

/**
 * The mean cost of the rows of a projection, `states` [..., features] by `weight` [features, outputs], with `targets` (i32 [...]),
 * and the share of rows that are right: f32 scalars, of f64 states f64. Outputs are computed for a slice of the rows at a time,
 * forward and once more backward, so that those of all rows never exist.
 */
export const slicedLoss = (
  states: Tensor,
  weight: Tensor,
  targets: Tensor,
  { costs, hits, slopes }: RowLoss,
  { slices, axisName }: SlicedLossOptions = {},
): { loss: Tensor; accuracy: Tensor } => {
  const rows = elementCount(targets.shape);
  const [features, outputs] = weight.shape as readonly [number, number];
  const examples = states.shape[0]!;
  const size = Math.ceil(rows / (slices ?? Math.ceil(outputs / 128)));
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
      const z = overDevices(matmul(own, w)); // [rows of the slice, outputs]
      return [sum(costs(z, index)), sum(cast(hits(z, index), 'f64'))] as const;
    });
    const shareOf = (terms: readonly Tensor[]) =>
      cast(mul(terms.reduce(add), 1 / rows), w.dtype === 'f64' ? 'f64' : 'f32');
    return [shareOf(sums.map(([cost]) => cost)), shareOf(sums.map(([, hit]) => hit))];
  };

  const [loss, accuracy] = customGradient(
    (x, w, t) => forward(x!, w!, t!),
    ({ inputs, cotangents: [dLoss] }) => {
      const [x, w, t] = inputs as [Tensor, Tensor, Tensor];
      if (!dLoss) return [null, null, null];
      // Each device tells the loss that all of them have; what it means to any comes back to all.
      const scale = mul(cast(overDevices(dLoss), 'f64'), 1 / rows);
      const gradients = sliced(x, t).map(([own, index]) => {
        const z = overDevices(matmul(own, w));
        return withContext({ recomputed: false }, () => {
          const dz = cast(mul(cast(slopes(z, index), 'f64'), scale), own.dtype);
          const ofWeight = (a: Tensor, b: Tensor) => cast(matmul(a, b, { transposeA: true }), w.dtype);
          const squareOf = (y: Tensor) => cast(square(cast(y, 'f32')), y.dtype);
          return {
            x: cast(matmul(dz, w, { transposeB: true }), x.dtype),
            w: withSquare(ofWeight(own, dz), () => mul(ofWeight(squareOf(own), squareOf(dz)), examples)),
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
