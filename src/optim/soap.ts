import {
  add,
  cast,
  div,
  equal,
  floor,
  logicalNot,
  matmul,
  mul,
  multiplyAdd,
  neg,
  orthonormal,
  reshape,
  type Shape,
  scope,
  select,
  sqrt,
  square,
  sub,
  type Tensor,
  type TensorType,
  unless,
} from '../tensor/index.js';
import { alongAxis, unfolded } from './blocks.js';
import { identity } from './matrices.js';
import { biasCorrection, type Optimizer } from './optimizer.js';
import { decay, rateOf, type TensorRules } from './parameter-rules.js';

export interface SoapSettings {
  /** Shares of the old means that stay: of gradients, and of squares and statistics. 0.95 and 0.95 unless told. */
  readonly betas?: readonly [first: number, second: number];
  /** Added to the root of the second moment, 1e-8 unless told. */
  readonly epsilon?: number;
  /** Decay per unit of learning rate, 0.01 unless told. */
  readonly weightDecay?: number;
  /** Axes longer than this are not rotated; 1024 unless told. */
  readonly skipAbove?: number;
  /** Steps from one update of the bases to the next, 10 unless told. */
  readonly basesEvery?: number;
}

/**
 * SOAP (Vyas et al. 2024): Adam in the eigenbasis of Shampoo's statistics. With gradient g, update number t and learning rate
 * lr of the parameter p, for each axis i of a tensor of two axes or more (of length 2 to `skipAbove`):
 *
 *     S_i = beta2 S_i + (1 - beta2) g_i g_i^T         g_i is g with axis i first
 *     Q_i = orthonormal(S_i Q_i)                      in every `basesEvery`th step, the first included
 *
 * a step of the power iteration by QR decomposition, from the identity on; and with x' for x times Q_i^T along each axis
 *
 *     m = beta1 m + (1 - beta1) g                     v = beta2 v + (1 - beta2) g'^2
 *     u' = m' / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)
 *     p = p (1 - lr decay) - lr u                     u is u' times Q_i along each axis
 *
 * Other tensors get Adam's step. Unlike in the authors' code the first update steps, too, and bases change before a step and
 * not behind it. It keeps `first`, m, `second`, v, and for axis i `statistics<i>` and `basis<i>`.
 */
export const soap = (settings: SoapSettings = {}, rules: TensorRules = {}): Optimizer => {
  const { betas = [0.95, 0.95], epsilon = 1e-8, weightDecay = 0.01, skipAbove = 1024, basesEvery = 10 } = settings;
  const [beta1, beta2] = betas;
  const rotatedAxes = (shape: Shape): number[] => {
    const axes = shape.flatMap((size, axis) => (size > 1 ? [axis] : []));
    return axes.length < 2 ? [] : axes.filter((axis) => shape[axis]! <= skipAbove);
  };
  return {
    keeps: (_, type): Record<string, TensorType> => {
      const matrices = rotatedAxes(type.shape).flatMap((axis) => {
        const size = type.shape[axis]!;
        return ['statistics', 'basis'].map(
          (kind) => [kind + axis, { shape: [size, size], dtype: type.dtype }] as const,
        );
      });
      return { first: type, second: type, ...Object.fromEntries(matrices) };
    },
    update: (tensors, { learningRate, step }) => {
      const correction1 = biasCorrection(beta1, step);
      const inverseRoot2 = div(1, sqrt(biasCorrection(beta2, step)));
      const done = sub(cast(reshape(step, []), 'f64'), 1);
      const isFirst = equal(done, 0);
      const isBetween = logicalNot(equal(mul(floor(div(done, basesEvery)), basesEvery), done));

      return tensors.map(({ path, parameter, gradient, kept }) =>
        scope(`optimizer.${path}`, () => {
          const axes = rotatedAxes(gradient.shape);
          const statistics = axes.map((axis) => {
            const rows = unfolded(gradient, axis);
            const product = matmul(rows, rows, { transposeB: true });
            return multiplyAdd(product, 1 - beta2, mul(kept[`statistics${axis}`]!, beta2));
          });
          const old = axes.map((axis) => kept[`basis${axis}`]!);
          const power = () =>
            statistics.map((matrix, i) => {
              const basis = select(isFirst, identity(gradient.shape[axes[i]!]!), old[i]!);
              return orthonormal(matmul(matrix, basis));
            });
          const bases = axes.length === 0 ? [] : unless(isBetween, old, power);
          const rotated = (x: Tensor, back: boolean): Tensor =>
            axes.reduce((y, axis, i) => alongAxis(bases[i]!, y, axis, { transposed: !back }), x);

          const first = multiplyAdd(gradient, 1 - beta1, mul(kept.first!, beta1));
          const second = multiplyAdd(square(rotated(gradient, false)), 1 - beta2, mul(kept.second!, beta2));
          const scaled = div(rotated(first, false), add(mul(sqrt(second), inverseRoot2), epsilon));
          const rate = rateOf(path, learningRate, rules);
          const decayed = decay(path, parameter, { rate, weightDecay, rules });
          const named = (kind: string, values: readonly Tensor[]) =>
            axes.map((axis, i) => [kind + axis, values[i]!] as const);
          return {
            path,
            parameter: multiplyAdd(rotated(scaled, true), neg(div(rate, correction1)), decayed),
            kept: {
              first,
              second,
              ...Object.fromEntries([...named('statistics', statistics), ...named('basis', bases)]),
            },
          };
        }),
      );
    },
  };
};
