import { describe, expect, it } from 'vitest';
import { createModel } from '../models/index.js';
import { checkConfig } from './config.js';
import { modelWarnings } from './data.js';

const warnings = (bitsPerPatch: number, parity: boolean): string[] => {
  const config = checkConfig({ data: { path: 'x', parity }, model: { bitsPerPatch } }, 'a test', 'x');
  return modelWarnings(createModel(config.model), config);
};

describe('modelWarnings', () => {
  it('say of a reversible olmax model that it has nothing to recompute', () => {
    const of = (reversible: boolean, recompute: string): string[] => {
      const model = { family: 'olmax', depth: 1, features: 8, reversible, recompute };
      const config = checkConfig({ data: { path: 'x' }, model }, 'a test', 'x');
      return modelWarnings(createModel(config.model), config);
    };
    expect(of(true, 'block')).toEqual([
      expect.stringMatching(/^model\.recompute=block does nothing in a reversible model/),
    ]);
    for (const [reversible, recompute] of [
      [true, 'none'],
      [false, 'block'],
    ] as const) {
      expect(of(reversible, recompute)).toEqual([]);
    }
  });

  it('are none where patches make whole bytes', () => {
    for (const bits of [1, 2, 4, 8]) expect(warnings(bits, false), `${bits} bits`).toEqual([]);
    for (const bits of [1, 3, 9]) expect(warnings(bits, true), `${bits} bits with parity`).toEqual([]);
  });

  it.each([
    [9, false, 'set data.parity=true'],
    [3, false, 'set data.parity=true'],
    [8, true, 'set data.parity=false'],
    [12, false, 'take model.bitsPerPatch'],
    [5, true, 'take model.bitsPerPatch'],
  ] as const)(
    'say of patches of %i bits (parity %s) that they will not write, and what to do',
    (bits, parity, advice) => {
      const [warning] = warnings(bits, parity);
      expect(warning).toContain(`patches of ${bits} bits`);
      expect(warning).toContain(advice);
    },
  );
});
