import { rm } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { trainingRoot } from './train-support.js';

const { root, expectSameInParts } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

const model = { layers: 1 };

describe('label smoothing', () => {
  it('is minimised, and is not in the bits per byte', async () => {
    const train = { labelSmoothing: 0.2, steps: 12, evaluateEvery: 6, learningRate: 3e-3 };
    const rows = await expectSameInParts({ name: 'smooth', model, train }, [6]);
    const trained = rows.filter((row) => 'loss' in row) as unknown as { loss: number; bitsPerByte: number }[];
    for (const { loss, bitsPerByte } of trained.slice(4))
      expect(loss).toBeGreaterThan((bitsPerByte * Math.LN2) / 8 + 1e-4);
    expect(trained.at(-1)!.loss).toBeLessThan(0.65);
  });
});
