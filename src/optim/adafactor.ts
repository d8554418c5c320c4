import {
  add,
  cast,
  div,
  expandDims,
  maximum,
  mean,
  mul,
  multiplyAdd,
  neg,
  pow,
  reshape,
  rsqrt,
  type Shape,
  sqrt,
  square,
  sub,
  type Tensor,
  type TensorType,
} from '../tensor/index.js';
import type { Optimizer } from './optimizer.js';
import { decay, rateOf, type TensorRules } from './parameter-rules.js';

export interface AdafactorSettings {
  /** Steps are shares of the size of a tensor, no unless told. */
  readonly relativeStep?: boolean;
  /** The root mean square of a step is at most this times the learning rate, 1 unless told. */
  readonly clipThreshold?: number;
  /** Decay per unit of learning rate, 0 unless told. */
  readonly weightDecay?: number;
}

/** Added to squared gradients; the smallest size of a tensor for relative steps. */
const [epsilon1, epsilon2] = [1e-30, 1e-3];
/** The share of the old second moment in update t is 1 - t^-0.8. */
const decayExponent = -0.8;

/**
 * Adafactor without momentum (Shazeer and Stern 2018). Of a matrix only the means over rows and columns of the squared
 * gradients are kept; with gradient g, update number t and learning rate lr of the parameter p:
 *
 *     b = 1 - t^-0.8                               s = g^2 + 1e-30
 *     R = b R + (1 - b) mean over columns of s     C = b C + (1 - b) mean over rows of s
 *     v = R C / mean(R), of vectors v = b v + (1 - b) s
 *     u = g / sqrt(v)                              u = u / max(1, rms(u) / clipThreshold)
 *     p = p (1 - lr decay) - lr u, with relative steps - lr max(1e-3, rms(p)) u
 *
 * It keeps `rows`, R, and `columns`, C, of matrices, `second`, v, of all else. Tensors of more than two dimensions are
 * stacks of matrices.
 */
export const adafactor = (settings: AdafactorSettings = {}, rules: TensorRules = {}): Optimizer => {
  const { relativeStep = false, clipThreshold = 1, weightDecay = 0 } = settings;
  return {
    keeps: (_, { shape, dtype }): Record<string, TensorType> =>
      shape.length < 2
        ? { second: { shape, dtype } }
        : { rows: { shape: shape.slice(0, -1), dtype }, columns: { shape: columnsShape(shape), dtype } },
    update: (tensors, { learningRate, step }) => {
      const fresh = cast(pow(cast(reshape(step, []), 'f64'), decayExponent), 'f32'); // 1 - b
      const running = (old: Tensor, now: Tensor): Tensor => add(mul(old, sub(1, fresh)), mul(now, fresh));
      return tensors.map(({ path, parameter, gradient, kept }) => {
        const squares = add(square(gradient), epsilon1);
        const moments: Record<string, Tensor> = kept.second
          ? { second: running(kept.second, squares) }
          : {
              rows: running(kept.rows!, mean(squares, { axes: [-1] })),
              columns: running(kept.columns!, mean(squares, { axes: [-2] })),
            };
        const unclipped = mul(gradient, inverseRoot(moments, gradient));
        const update = div(unclipped, maximum(div(rootMeanSquare(unclipped), clipThreshold), 1));
        const rate = rateOf(path, learningRate, rules);
        const decayed = decay(path, parameter, { rate, weightDecay, rules });
        const size = relativeStep ? mul(rate, maximum(rootMeanSquare(parameter), epsilon2)) : rate;
        return { path, parameter: multiplyAdd(update, neg(size), decayed), kept: moments };
      });
    },
  };
};

const columnsShape = (shape: Shape): Shape => [...shape.slice(0, -2), shape.at(-1)!];

/** `1 / sqrt(v)`. Row and column factors apart: their product would leave the range of f32 where gradients are small. */
const inverseRoot = (moments: Record<string, Tensor>, gradient: Tensor): Tensor => {
  if (moments.second) return rsqrt(moments.second);
  const { rows, columns } = moments as { rows: Tensor; columns: Tensor };
  const rowFactor = rsqrt(div(rows, mean(rows, { axes: [-1], keepDims: true })));
  return mul(expandDims(rowFactor, -1), expandDims(rsqrt(columns), gradient.shape.length - 2));
};

const rootMeanSquare = (x: Tensor): Tensor => sqrt(mean(square(x)));
