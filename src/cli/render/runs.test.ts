import { describe, expect, it } from 'vitest';
import { comparisonTable, configDifferences, type RunFigures, runTable } from './runs.js';

const run: RunFigures = {
  name: 'a',
  path: 'runs/a',
  step: 20,
  steps: 30,
  validation: 2.5,
  training: 2.25,
  loss: 0.2,
  updated: new Date(2025, 0, 31, 8, 5),
  holder: null,
};

describe('runTable', () => {
  it('shows what is known and a dash for the rest', () => {
    const fresh = { ...run, name: 'fresh', step: null, validation: null, training: null, holder: 42 };
    expect(runTable([run, fresh])).toBe(
      'run     step  bits per byte  training  updated\n' +
        'a      20/30         2.5000    2.2500  2025-01-31 08:05\n' +
        'fresh   -/30              -         -  2025-01-31 08:05  training (process 42)\n',
    );
  });
});

describe('configDifferences', () => {
  it('lists only keys that differ, those that one side lacks included', () => {
    const a = { seed: 1, model: { layers: 4, heads: 4 }, train: { betas: [0.9, 0.99] } };
    const b = { seed: 1, model: { layers: 8, heads: 4 }, train: { betas: [0.9, 0.999], minutes: 5 } };
    expect(configDifferences(a, b)).toEqual([
      { key: 'model.layers', a: 4, b: 8 },
      { key: 'train.betas', a: [0.9, 0.99], b: [0.9, 0.999] },
      { key: 'train.minutes', a: undefined, b: 5 },
    ]);
  });

  it('finds nothing between equal configurations', () => {
    expect(configDifferences({ a: { b: [1] } }, { a: { b: [1] } })).toEqual([]);
  });
});

describe('comparisonTable', () => {
  const other = { ...run, name: 'b', validation: 2.4 };

  it('sets the differences and the figures side by side', () => {
    const text = comparisonTable(run, other, [
      { key: 'run.name', a: 'a', b: 'b' },
      { key: 'model.layers', a: 4, b: undefined },
    ]);
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => line.trim().split(/\s{2,}/)),
    ).toEqual([
      ['a', 'b'],
      ['model.layers', '4', '-'],
      ['step', '20/30', '20/30'],
      ['training loss', '0.2000', '0.2000'],
      ['training bits per byte', '2.2500', '2.2500'],
      ['validation bits per byte', '2.5000', '2.4000'],
    ]);
  });

  it('says that the configurations are the same', () => {
    expect(comparisonTable(run, other, [])).toMatch(/configuration +the same +the same/);
  });
});
