import { describe, expect, it } from 'vitest';
import { f32, i32, run } from '../nn/test-support.js';
import type { Tensor, Tree } from '../tensor/index.js';
import { optimizerStateTypes, updateParameters } from './optimizer.js';
import { tenUpdatesEach, worst } from './test-support.js';
import { type MomentumKind, tgAdam } from './tg-adam.js';

const [beta1, beta2, beta3] = [0.9, 0.95, 0.99];
const norm = (values: readonly number[]): number => Math.hypot(...values);

describe('tgAdam', () => {
  it.each<MomentumKind>(['debiased', 'ema', 'heavyball', 'nesterov'])(
    'follows the plain float64 algorithm for ten steps, momentum %s',
    async (momentumKind) => {
      const rules = { decayMask: (path: string) => path !== 'vector', learningRateScale: () => 0.5 };
      const optimizer = tgAdam({ betas: [beta1, beta2, beta3], momentumKind, weightDecay: 0.1 }, rules);
      const isSum = momentumKind === 'heavyball' || momentumKind === 'nesterov';
      const differences = await tenUpdatesEach(optimizer, ({ parameter, kept }, { name, gradient, squares, lr, t }) => {
        const average = (old: number[], beta: number, now: number[]) =>
          old.map((x, i) => beta * x + (1 - beta) * now[i]!);
        const unbiased = (beta: number) => (momentumKind === 'ema' ? 1 : 1 - beta ** t);
        const first = isSum
          ? kept.first!.map((b, i) => beta1 * b + gradient[i]!)
          : average(kept.first!, beta1, gradient);
        const second = average(
          kept.second!,
          beta2,
          gradient.map((g) => g ** 2),
        );
        const third = average(kept.squares!, beta3, squares);
        const m = first.map((b, i) => {
          if (momentumKind === 'nesterov') return gradient[i]! + beta1 * b;
          return isSum ? b : b / unbiased(beta1);
        });
        const adam = m.map((x, i) => x / Math.max(Math.sqrt(second[i]! / unbiased(beta2)), 1e-16));
        const tg = m.map((x, i) => x / Math.max(Math.sqrt(third[i]! / unbiased(beta3)), 1e-16));
        const length = norm(adam) / Math.max(norm(tg), 1e-16);
        const decayed = name === 'vector' ? 0 : 0.1;
        return {
          parameter: parameter.map((p, i) => p - 0.5 * lr * (decayed * p + length * tg[i]!)),
          kept: { first, second, squares: third },
        };
      });
      // What is kept is the only thing that is rounded, and in this executor not even that.
      expect(worst(differences).error).toBeLessThan(1e-6);
    },
  );

  it('stands still where gradients have always been zero', async () => {
    const optimizer = tgAdam();
    const zeros = { a: f32([0, 0]) };
    const trees = { parameters: { a: f32([1, 2]) }, gradients: zeros, squares: zeros };
    const state = { first: zeros, second: zeros, squares: zeros };
    const { parameters } = await run(
      (given: Record<'parameters' | 'gradients' | 'squares', Tree<Tensor>> & { state: never }, rate, step) => ({
        ...updateParameters(optimizer, given, { learningRate: rate, step }),
      }),
      { ...trees, state } as never,
      0.1,
      i32([1], []),
    );
    expect([...parameters.a.data]).toEqual([1, 2]);
  });

  it('stores its averages as it is told', () => {
    const types = optimizerStateTypes(tgAdam({ storedAs: 'f64' }), { a: { shape: [2], dtype: 'f32' } });
    expect(types.squares).toEqual({ a: { shape: [2], dtype: 'f64' } });
  });

  it('says that it needs squares', async () => {
    const step = (given: { parameters: Tree<Tensor> }) => {
      const gradients = given.parameters;
      return { ...updateParameters(tgAdam(), { ...given, gradients, state: {} }, {} as never) };
    };
    await expect(run(step, { parameters: { a: f32([1]) } } as never)).rejects.toMatchObject({
      code: 'E_TRACE',
      message: expect.stringContaining('withSquaredGradients'),
    });
  });
});
