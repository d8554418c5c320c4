import { describe, expect, it } from 'vitest';
import { adaptiveLion } from './adaptive-lion.js';
import { lion } from './lion.js';
import { type Plain, tenUpdates, tenUpdatesEach, worst } from './test-support.js';

const [beta1, beta2, decay] = [0.9, 0.98, 0.3];
const isMatrix = (name: string): boolean => name !== 'vector';
const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((total, x) => total + x * x, 0));

/** Algorithm 2 of Chen et al. 2023, the sign times `scale`. */
const plainLion = (
  { parameter, kept }: Plain,
  gradient: number[],
  rate: number,
  scale: number,
  decayed: boolean,
): Plain => {
  const old = kept.momentum!;
  const moved = parameter.map((p, i) => {
    const direction = Math.sign(beta1 * old[i]! + (1 - beta1) * gradient[i]!);
    return p - rate * (scale * direction + (decayed ? decay * p : 0));
  });
  const momentum = old.map((m, i) => beta2 * m + (1 - beta2) * gradient[i]!);
  return { parameter: moved, kept: { ...kept, momentum } };
};

describe('lion', () => {
  it('follows the plain float64 algorithm for ten steps', async () => {
    const optimizer = lion({ betas: [beta1, beta2], weightDecay: decay });
    const differences = await tenUpdatesEach(optimizer, (values, { name, gradient, lr }) =>
      plainLion(values, gradient, lr, 1, isMatrix(name)),
    );
    expect(worst(differences).error).toBeLessThan(1e-5);
  });
});

describe('adaptiveLion', () => {
  const plainStep =
    (bound: number, scales: number[] = []) =>
    (tensors: Map<string, Plain>, gradients: Map<string, number[]>, { lr, t }: { lr: number; t: number }) => {
      const running = new Map(
        [...tensors].map(([name, { kept }]) => {
          const next = beta2 * kept.gradientNorm![0]! + (1 - beta2) * norm(gradients.get(name)!);
          return [name, next] as const;
        }),
      );
      const weights = new Map([...tensors].map(([name, { parameter }]) => [name, norm(parameter)] as const));
      const overall = norm([...running.values()]) / (1 - beta2 ** t) / norm([...weights.values()]);
      return new Map(
        [...tensors].map(([name, values]) => {
          const own = running.get(name)! / (1 - beta2 ** t) / (weights.get(name)! + 1e-12);
          const scale = Math.min(bound, Math.max(1 / bound, own / overall));
          scales.push(scale);
          const { parameter, kept } = plainLion(values, gradients.get(name)!, lr, scale, isMatrix(name));
          const next: Plain = { parameter, kept: { ...kept, gradientNorm: [running.get(name)!] } };
          return [name, next] as const;
        }),
      );
    };

  it('follows the plain float64 algorithm for ten steps', async () => {
    const scales: number[] = [];
    const optimizer = adaptiveLion({ betas: [beta1, beta2], weightDecay: decay, bound: 6 });
    expect(worst(await tenUpdates(optimizer, plainStep(6, scales))).error).toBeLessThan(1e-5);
    expect(Math.min(...scales)).toBe(1 / 6);
    expect(Math.max(...scales)).toBe(6);
    expect(scales.filter((scale) => scale > 1 / 6 && scale < 6).length).toBeGreaterThan(5);
  });

  it('is lion where the bound is 1', async () => {
    const optimizer = adaptiveLion({ betas: [beta1, beta2], weightDecay: decay, bound: 1 });
    expect(worst(await tenUpdates(optimizer, plainStep(1))).error).toBeLessThan(1e-5);
  });
});
