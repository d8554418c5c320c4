import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrendStep, Trend } from './trend.js';

const run = { bytesPerStep: 1000, parameters: 7 };
const medianOf = (values: readonly number[]): number | undefined => {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined ? undefined : (low + high!) / 2;
};

describe('Trend', () => {
  it('has the medians of the last 64, 256 and 1024 steps', () => {
    const values = fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.double({ min: 0, max: 9, noNaN: true })), {
      minLength: 1,
      maxLength: 1300,
      size: 'max',
    });
    fc.assert(
      fc.property(values, (losses) => {
        const trend = new Trend(run);
        for (const loss of losses) trend.add({ loss, seconds: 2 * loss });
        const of = (length: number) => medianOf(losses.slice(-length));
        expect(trend.row(3)).toMatchObject({
          medians: { loss64: of(64), loss256: of(256), loss1024: of(1024) },
          speed: { seconds64: 2 * of(64)!, seconds1024: 2 * of(1024)! },
        });
      }),
      { numRuns: 30 },
    );
  });

  it('tells at the end medians over as many steps as there were, each window once', () => {
    const trend = new Trend(run);
    expect(trend.figures()).toEqual({ medians: [] });
    for (let i = 0; i < 100; i++) trend.add({ loss: i < 36 ? 9 : 1, seconds: 0.5 });
    const day = { bytesPerDay: 86400 * 2000, parameterBytesPerDay: 7 * 86400 * 2000 };
    expect(trend.figures()).toEqual({
      medians: [
        { steps: 64, loss: 1 },
        { steps: 100, loss: 1 },
      ],
      ...day,
    });
  });

  it('tells the speed that the usual step comes to', () => {
    const trend = new Trend(run);
    for (const seconds of [0.5, 0.25, 4]) trend.add({ loss: 1, seconds });
    expect(trend.row(10)).toEqual({
      step: 10,
      bytesSeen: 10_000,
      medians: { loss64: 1, loss256: 1, loss1024: 1 },
      speed: {
        ...{ seconds64: 0.5, seconds256: 0.5, seconds1024: 0.5 },
        ...{ bytesPerSecond: 2000, bytesPerDay: 2000 * 86400, parameterBytesPerDay: 2000 * 86400 * 7 },
      },
    });
  });

  it('goes on from the rows of a run, where losses on code count for nothing', () => {
    const row = (step: number, loss: number) => ({ step, loss, seconds: 1 });
    const rows = [row(1, 3), { ...row(2, 900), batchKind: 'direct' }, { step: 2, validation: {} }, row(3, 5)];
    expect(new Trend(run, rows).row(3)).toMatchObject({ medians: { loss64: 4 }, speed: { seconds64: 1 } });
    expect(new Trend(run).row(1)).toMatchObject({ medians: { loss64: undefined }, speed: { bytesPerDay: undefined } });
  });

  it('is told every 64 steps and at the end', () => {
    expect([1, 63, 64, 128, 130].filter((step) => isTrendStep(step, 130))).toEqual([64, 128, 130]);
  });
});
