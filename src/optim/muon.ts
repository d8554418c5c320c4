import { add, div, matmul, mul, multiplyAdd, neg, scope, sqrt, square, sum, type Tensor } from '../tensor/index.js';
import { type AdamWSettings, adamWOptimizer } from './adamw.js';
import type { Optimizer } from './optimizer.js';
import { decay, rateOf, type TensorRules } from './parameter-rules.js';

/** What AdamW takes holds for the parameters that are no hidden matrices. */
export interface MuonSettings extends AdamWSettings {
  /** Share of the old momentum that stays, 0.95 unless told. */
  readonly momentum?: number;
  /** Look one step ahead, yes unless told. */
  readonly nesterov?: boolean;
  /** Learning rate of the hidden matrices over that of the rest, 1 unless told. */
  readonly matrixRate?: number;
}

/**
 * Muon (Jordan et al. 2024): momentum whose singular values are all made about 1, for matrices between hidden values;
 * embeddings, heads, biases and norms are left to AdamW. With gradient g and learning rate lr of a matrix p of
 * `inputs` rows and `outputs` columns:
 *
 *     m = mu m + (1 - mu) g            u = orthogonalised(mu m + (1 - mu) g), without Nesterov's look ahead of m
 *     p = p (1 - lr decay) - lr sqrt(max(1, outputs / inputs)) u
 *
 * The scale is that of Jordan's own code, max(1, rows / columns) of a PyTorch weight, which is the transpose of ours. It
 * keeps `momentum`, m, of hidden matrices, `first` and `second` of all else.
 */
export const muon = (settings: MuonSettings = {}, rules: TensorRules = {}): Optimizer => {
  const { momentum: mu = 0.95, nesterov = true, matrixRate = 1, weightDecay = 0.01 } = settings;
  const rest = adamWOptimizer(settings, rules);
  const isHidden = (path: string, rank: number): boolean => rank === 2 && (rules.hiddenMask?.(path) ?? true);
  return {
    keeps: (path, type) => (isHidden(path, type.shape.length) ? { momentum: type } : rest.keeps(path, type)),
    update: (tensors, inputs) => {
      const hidden = tensors.filter(({ path, parameter }) => isHidden(path, parameter.shape.length));
      const matrices = hidden.map(({ path, parameter, gradient, kept }) => {
        const fresh = mul(gradient, 1 - mu);
        const momentum = multiplyAdd(kept.momentum!, mu, fresh);
        const direction = scope('optimizer', () =>
          orthogonalised(nesterov ? multiplyAdd(momentum, mu, fresh) : momentum),
        );
        const [inputSize, outputSize] = parameter.shape as readonly [number, number];
        const rate = mul(rateOf(path, inputs.learningRate, rules), matrixRate);
        const step = mul(rate, Math.sqrt(Math.max(1, outputSize / inputSize)));
        const decayed = decay(path, parameter, { rate, weightDecay, rules });
        return { path, parameter: multiplyAdd(direction, neg(step), decayed), kept: { momentum } };
      });
      return [
        ...matrices,
        ...rest.update(
          tensors.filter((tensor) => !hidden.includes(tensor)),
          inputs,
        ),
      ];
    },
  };
};

/** a x + b x^3 + c x^5 has the steepest slope at 0 whose iterates stay near 1; they do not converge to it. */
const [a, b, c] = [3.4445, -4.775, 2.0315];
const iterations = 5;

/**
 * The matrix with the same singular vectors whose singular values lie within about 0.7 ... 1.2 (those that were nearly 0
 * stay below): five steps of a Newton-Schulz iteration with a quintic, `X = a X + (b A + c A^2) X` with `A = X X^T`, from
 * the matrix over its Frobenius norm.
 */
export const orthogonalised = (matrix: Tensor): Tensor => {
  const [rows, columns] = matrix.shape as readonly [number, number];
  // A is the smaller of the two products.
  const flipped = rows > columns;
  let x = div(matrix, add(sqrt(sum(square(matrix))), 1e-7));
  for (let i = 0; i < iterations; i++) {
    const products = matmul(x, x, flipped ? { transposeA: true } : { transposeB: true });
    const polynomial = multiplyAdd(matmul(products, products), c, mul(products, b));
    x = multiplyAdd(x, a, flipped ? matmul(x, polynomial) : matmul(polynomial, x));
  }
  return x;
};
