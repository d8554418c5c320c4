import { describe, expect, it } from 'vitest';
import { checkConfig } from './config.js';
import { afterStep, atAnchor, newCourse, pinnedSteps, rewound } from './course.js';
import { lossLimit, noLimit, noLoss, reseeded, withLoss } from './spike.js';

const configWith = (spike: string, more: object = {}) =>
  checkConfig({ data: { path: 'x' }, train: { spike, spikeFactor: 2, ...more } }, 'test', 'test');
const config = configWith('rewind');

const meanOf = (losses: readonly number[]) =>
  losses.reduce((running, loss) => withLoss(running, loss, lossLimit(running, config)), noLoss);
const same = (loss: number, count: number): number[] => new Array<number>(count).fill(loss);

describe('the limit of a loss', () => {
  it('is a multiple of the running mean, once that is one of ten losses', () => {
    expect(lossLimit(meanOf(same(0.5, 9)), config)).toBe(noLimit);
    expect(lossLimit(meanOf(same(0.5, 10)), config)).toBeCloseTo(1, 12);
    expect(lossLimit(meanOf(same(0.5, 100)), configWith('off'))).toBe(noLimit);
  });

  it('follows the losses', () => {
    expect(lossLimit(meanOf([...same(0.5, 100), ...same(0.3, 200)]), config)).toBeCloseTo(0.6, 1);
  });

  it('hardly moves with a spike, but gives way to losses that stay higher', () => {
    expect(lossLimit(meanOf([...same(0.5, 50), 1000]), config)).toBeLessThan(1.05);
    expect(lossLimit(meanOf([...same(0.5, 50), ...same(3, 200)]), config)).toBeGreaterThan(3);
  });
});

describe('the course around a spike', () => {
  it('knows the mean of the losses only where spikes are handled', () => {
    expect(afterStep(newCourse, config, { loss: 0.7, limit: noLimit }).loss.sum).toBeCloseTo(0.014, 12);
    expect(afterStep(newCourse, configWith('off'), { loss: 0.7, limit: noLimit })).toBe(newCourse);
  });

  it('forgets what came behind the anchor, but not that it went back', () => {
    const best = { step: 3, bitsPerByte: 2, bytes: 9 };
    const then = atAnchor({ ...newCourse, best, sinceBest: 1 }, config, 4);
    expect(then.anchor).toEqual({ step: 4, best: 3, rewinds: 0 });
    const later = { ...then, best: { step: 6, bitsPerByte: 1, bytes: 9 }, sinceBest: 0 };
    expect(pinnedSteps(later, config)).toEqual([6, 4, 3]);
    const once = rewound(later, then);
    expect(once).toEqual({ ...then, reseeds: 1, anchor: { step: 4, best: 3, rewinds: 1 } });
    expect(rewound(once, once)).toMatchObject({ reseeds: 2, anchor: { rewinds: 2 } });
    expect(atAnchor(once, config, 8)).toMatchObject({ reseeds: 1, anchor: { step: 8, rewinds: 0 } });
  });

  it('pins what a run needs', () => {
    const course = {
      ...newCourse,
      best: { step: 6, bitsPerByte: 1, bytes: 9 },
      anchor: { step: 4, best: 3, rewinds: 0 },
    };
    expect(pinnedSteps(course, configWith('skip'))).toEqual([6]);
    expect(pinnedSteps(course, configWith('skip', { keepBest: false }))).toEqual([]);
    expect(pinnedSteps(course, configWith('rewind', { keepBest: false }))).toEqual([4]);
  });

  it('has other seeds after each return, all of them valid', () => {
    const seeds = [0, 1, 2, 3].map((changes) => reseeded(2147483647, changes));
    expect(seeds[0]).toBe(2147483647);
    expect(new Set(seeds).size).toBe(4);
    for (const seed of seeds) expect(seed >= 0 && seed < 2 ** 31 && Number.isInteger(seed)).toBe(true);
  });
});
