import { describe, expect, it } from 'vitest';
import { planJson, planTable } from './plan.js';

const plan = {
  parameters: 869_631,
  peakBytes: 140e6,
  activationBytes: 128e6,
  flopsPerStep: 11e9,
  bytesPerStep: 2048,
  secondsPerStep: 0.05,
  totalSeconds: 50,
};
const entries = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(/\s{2,}/) as [string, string]),
  );

describe('planTable', () => {
  it('has every figure with its unit', () => {
    expect(entries(planTable(plan, { steps: 1000 }))).toEqual({
      parameters: '870 k (869,631)',
      'peak memory': '140 MB, of it 128 MB for activations',
      'work per step': '11.0 GFLOP',
      'data per step': '2.0 kB',
      'time per step': 'about 50 ms',
      steps: '1,000',
      'data in all': '2.0 MB',
      'time in all': 'about 50.0 s',
    });
  });

  it('turns minutes into steps by the expected speed', () => {
    const shown = entries(planTable(plan, { steps: 1000, minutes: 2 }));
    expect(shown.steps).toBe('about 2,400');
    expect(shown['time in all']).toBe('about 2 m 00 s');
  });

  it('says that the time is unknown without a measured speed', () => {
    const shown = entries(planTable({ ...plan, secondsPerStep: null, totalSeconds: null }, { steps: 10 }));
    expect(shown['time per step']).toMatch(/^unknown/);
  });
});

const unplanned = { ...plan, peakBytes: 0, activationBytes: 0 };

describe('a plan without planned memory', () => {
  it('says that the memory is unknown, never that there is none', () => {
    expect(entries(planTable(unplanned, { steps: 10 }))['peak memory']).toMatch(/^unknown/);
    expect(planJson(unplanned)).toMatchObject({ peakBytes: null, activationBytes: null });
  });
});

describe('planJson', () => {
  it('has exactly the six figures', () => {
    expect(Object.keys(planJson(plan))).toEqual([
      'parameters',
      'peakBytes',
      'activationBytes',
      'flopsPerStep',
      'bytesPerStep',
      'secondsPerStep',
    ]);
  });
});
