import { describe, expect, it } from 'vitest';
import { BitTransformer } from '../models/index.js';
import { parametersOf } from '../nn/index.js';
import { randomArray, run } from '../nn/test-support.js';
import type { Tensor } from '../tensor/index.js';
import { turned as flipped, type Matrix, product, rowsOf } from './matrix-test-support.js';
import { muon, orthogonalised } from './muon.js';
import { parameterRules } from './parameter-rules.js';
import { type Plain, tenUpdatesEach, worst } from './test-support.js';

const combined = (s: number, a: Matrix, t: number, b: Matrix): Matrix =>
  a.map((row, i) => row.map((x, j) => s * x + t * b[i]![j]!));

/** Newton-Schulz as in Jordan's text, for matrices of any form. */
const plainOrthogonalised = (matrix: Matrix): Matrix => {
  if (matrix.length > matrix[0]!.length) return flipped(plainOrthogonalised(flipped(matrix)));
  const norm = Math.sqrt(matrix.flat().reduce((total, x) => total + x * x, 0));
  let x = matrix.map((row) => row.map((value) => value / (norm + 1e-7)));
  for (let i = 0; i < 5; i++) {
    const a = product(x, flipped(x));
    x = combined(3.4445, x, 1, product(combined(-4.775, a, 2.0315, product(a, a)), x));
  }
  return x;
};

describe('muon', () => {
  it.each([true, false])('follows the plain float64 algorithm for ten steps, nesterov %s', async (nesterov) => {
    const settings = { momentum: 0.9, nesterov, matrixRate: 3, weightDecay: 0.1, betas: [0.9, 0.99] as const };
    const optimizer = muon(settings, { hiddenMask: (path) => path !== 'head' });
    const differences = await tenUpdatesEach(
      optimizer,
      ({ parameter, kept }, { name, shape, gradient, lr, t }): Plain => {
        if (name === 'vector' || name === 'head') {
          const first = kept.first!.map((m, i) => 0.9 * m + 0.1 * gradient[i]!);
          const second = kept.second!.map((v, i) => 0.99 * v + 0.01 * gradient[i]! ** 2);
          const moved = parameter.map((p, i) => {
            const step = first[i]! / (1 - 0.9 ** t) / (Math.sqrt(second[i]! / (1 - 0.99 ** t)) + 1e-8);
            return p - lr * (step + (name === 'head' ? 0.1 * p : 0));
          });
          return { parameter: moved, kept: { first, second } };
        }
        const momentum = kept.momentum!.map((m, i) => 0.9 * m + 0.1 * gradient[i]!);
        const ahead = nesterov ? momentum.map((m, i) => 0.9 * m + 0.1 * gradient[i]!) : momentum;
        const direction = plainOrthogonalised(rowsOf(ahead, shape[1]!)).flat();
        const scale = Math.sqrt(Math.max(1, shape[1]! / shape[0]!));
        const moved = parameter.map((p, i) => p - 3 * lr * (scale * direction[i]! + 0.1 * p));
        return { parameter: moved, kept: { momentum } };
      },
    );
    expect(worst(differences).error).toBeLessThan(3e-5);
  });

  it.each([
    [12, 40],
    [40, 12],
    [16, 16],
  ])('brings the singular values of a matrix %i x %i near 1', async (rows, columns) => {
    const { data } = await run((x: Tensor) => orthogonalised(x), randomArray([rows, columns], 5, 1e-3));
    const matrix = rowsOf(data, columns);
    const gram = rows > columns ? product(flipped(matrix), matrix) : product(matrix, flipped(matrix));
    // Sum and sum of squares of the squared singular values.
    const squares = gram.map((row, i) => row[i]!);
    const meanSquare = squares.reduce((total, x) => total + x, 0) / squares.length;
    expect(meanSquare).toBeGreaterThan(0.5);
    expect(meanSquare).toBeLessThan(1.3);
  });

  it('takes the matrices of the blocks, not embeddings, heads and vectors', () => {
    const model = new BitTransformer({
      preset: 'nano',
      layers: 1,
      tiedHead: false,
      positions: 'learned',
      biases: true,
    });
    const { keeps } = muon({}, parameterRules(model));
    const taken = parametersOf(model).filter(({ path, parameter }) => 'momentum' in keeps(path, parameter));
    expect(taken.map(({ path }) => path)).toEqual([
      'blocks.0.attention.qkv.weight',
      'blocks.0.attention.projection.weight',
      'blocks.0.feedForward.up.weight',
      'blocks.0.feedForward.down.weight',
    ]);
  });
});
