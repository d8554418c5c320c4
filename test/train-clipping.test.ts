import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadCheckpoint } from '../src/checkpoint/index.js';
import { train } from '../src/train/trainer.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, checkpointOf, expectSameInParts } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

const model = { layers: 1 };

describe('clipping in a run', () => {
  /** How far one step of plain SGD with a learning rate of 1 moves each weight: its clipped gradient. */
  const firstStep = async (name: string, keys: object): Promise<number[]> => {
    const plain = { optimizer: 'sgd', momentum: 0, learningRate: 1, warmupSteps: 0, weightDecay: 0, steps: 1 };
    await train(configOf({ name, model, train: { ...plain, ...keys } }));
    const at = (step: number) => loadCheckpoint(join(root, name, 'checkpoints', `step-${step}`));
    const [before, after] = [(await at(0)).model, (await at(1)).model];
    return before.flatMap(({ data }, i) => Array.from(data, (x, k) => Math.abs(Number(x) - Number(after[i]!.data[k]))));
  };

  it('bounds the norm of a gradient, or each of its numbers', async () => {
    const byNorm = await firstStep('by norm', { clip: 0.01 });
    expect(Math.hypot(...byNorm)).toBeCloseTo(0.01, 5);
    expect(Math.max(...byNorm)).toBeLessThan(0.006);
    const byValue = await firstStep('by value', { clip: 0.001, clipKind: 'value' });
    expect(Math.max(...byValue)).toBeCloseTo(0.001, 6);
    expect(byValue.filter((x) => x > 0.00099).length).toBeGreaterThan(10);
  });

  it("bounds each tensor's gradient by the norm of its weights", async () => {
    const moved = await firstStep('by weight', { clipKind: 'weight', clipRatio: 0.01 });
    const { model: before } = await loadCheckpoint(join(root, 'by weight', 'checkpoints', 'step-0'));
    let [start, bounded] = [0, 0];
    for (const { data } of before) {
      const norm = Math.hypot(...Array.from(data, Number));
      const step = Math.hypot(...moved.slice(start, start + data.length));
      start += data.length;
      const bound = 0.01 * Math.max(norm, 1e-3);
      expect(step).toBeLessThan(bound * 1.001 + 1e-7);
      if (step > bound * 0.999) bounded++;
    }
    expect(bounded).toBeGreaterThan(1);
  });

  it('keeps the running norm of adaptive clipping when a run goes on', async () => {
    const keys = { clipKind: 'adaptive', clipFactor: 1.02, clipBeta: 0.8, steps: 16, evaluateEvery: 7 };
    const rows = await expectSameInParts({ name: 'adaptive', model, train: keys }, [7, 14]);
    const norms = rows.flatMap(({ gradientNorm }) => (typeof gradientNorm === 'number' ? [gradientNorm] : []));
    let [sum, weight, clipped] = [0, 0, 0];
    for (const norm of norms) {
      const bound = weight === 0 ? Number.POSITIVE_INFINITY : (1.02 * sum) / weight;
      if (norm > bound) clipped++;
      [sum, weight] = [0.8 * sum + 0.2 * Math.min(norm, bound), 0.8 * weight + 0.2];
    }
    expect(clipped).toBeGreaterThan(1);
    const { optimizer } = await checkpointOf('adaptive whole');
    const stored = (name: string) => optimizer.find((array) => array.name === name)!.data[0];
    expect(stored('clip.sum')).toBeCloseTo(sum, 4);
    expect(stored('clip.weight')).toBeCloseTo(weight, 4);
  });
});
