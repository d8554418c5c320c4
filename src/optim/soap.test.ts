import { describe, expect, it } from 'vitest';
import { alongRows, type Matrix, product, rowsOf, timesAlong, turned } from './matrix-test-support.js';
import { soap } from './soap.js';
import { tenUpdatesEach, withKernel, worst } from './test-support.js';

/** Q of the QR decomposition with a positive diagonal, of columns that do not depend on each other: Gram-Schmidt, twice. */
const plainQ = (matrix: Matrix): Matrix => {
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((total, x, i) => total + x * b[i]!, 0);
  const done: number[][] = [];
  for (const column of turned(matrix)) {
    let rest = column;
    for (const q of [...done, ...done]) {
      const share = dot(q, rest);
      rest = rest.map((x, i) => x - share * q[i]!);
    }
    const length = Math.sqrt(dot(rest, rest));
    done.push(rest.map((x) => x / length));
  }
  return turned(done);
};

const [beta1, beta2, epsilon, every, skip] = [0.9, 0.95, 1e-8, 3, 3];

describe('soap', () => {
  it('follows the plain float64 algorithm for ten steps', async () => {
    const optimizer = soap({ betas: [beta1, beta2], epsilon, weightDecay: 0.1, basesEvery: every, skipAbove: skip });
    const differences = await tenUpdatesEach(
      optimizer,
      ({ parameter, kept }, { shape, gradient, lr, t }) => {
        const hasAxes = shape.length >= 2;
        const next: Record<string, number[]> = {};
        const bases = shape.map((n, axis) => {
          if (!hasAxes || n > skip) return undefined;
          const rows = alongRows(gradient, shape, axis);
          const squares = product(rows, turned(rows)).flat();
          const statistics = kept[`statistics${axis}`]!.map((s, i) => beta2 * s + (1 - beta2) * squares[i]!);
          const old = kept[`basis${axis}`]!.map((q, i) => (t === 1 ? Number(i % (n + 1) === 0) : q));
          const basis = (t - 1) % every === 0 ? plainQ(product(rowsOf(statistics, n), rowsOf(old, n))) : rowsOf(old, n);
          // Stored in f32.
          next[`statistics${axis}`] = statistics.map(Math.fround);
          next[`basis${axis}`] = basis.flat();
          return basis;
        });
        const rotated = (values: number[], back: boolean): number[] =>
          bases.reduce(
            (x, basis, axis) => (basis ? timesAlong(back ? basis : turned(basis), x, shape, axis) : x),
            values,
          );
        const first = kept.first!.map((m, i) => beta1 * m + (1 - beta1) * gradient[i]!);
        const projected = rotated(gradient, false);
        const second = kept.second!.map((v, i) => beta2 * v + (1 - beta2) * projected[i]! ** 2);
        const scaled = rotated(first, false).map(
          (m, i) => m / (1 - beta1 ** t) / (Math.sqrt(second[i]! / (1 - beta2 ** t)) + epsilon),
        );
        const step = rotated(scaled, true);
        return {
          parameter: parameter.map((p, i) => p - lr * ((hasAxes ? 0.1 * p : 0) + step[i]!)),
          kept: { first, second, ...next },
        };
      },
      withKernel,
    );
    // The statistics of head's columns have rank 2 at first: the sign of the third vector is that of a rounding error.
    const clear = differences.filter(({ where }) => !where.includes('basis1 of head'));
    expect(worst(clear).error).toBeLessThan(1e-4);
  });

  it('rotates the axes that are not too long, of tensors of two or more', () => {
    const { keeps } = soap({ skipAbove: 8 });
    expect(keeps('kernel', { shape: [6, 9, 1, 4], dtype: 'f32' })).toMatchObject({
      statistics0: { shape: [6, 6] },
      basis3: { shape: [4, 4] },
    });
    expect(Object.keys(keeps('kernel', { shape: [6, 9, 1, 4], dtype: 'f32' }))).toHaveLength(6);
    expect(Object.keys(keeps('vector', { shape: [1, 6], dtype: 'f32' }))).toEqual(['first', 'second']);
  });
});
