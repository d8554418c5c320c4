import { describe, expect, it } from 'vitest';
import { createModel } from '../models/index.js';
import { checkConfig } from './config.js';
import { writingWarnings } from './data.js';

const warnings = (bitsPerPatch: number, parity: boolean): string[] => {
  const config = checkConfig({ data: { path: 'x', parity }, model: { bitsPerPatch } }, 'a test', 'x');
  return writingWarnings(createModel(config.model), config);
};

describe('writingWarnings', () => {
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
