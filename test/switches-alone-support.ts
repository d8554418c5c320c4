import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { completed, expectSound, prepareRuns } from './combinations-support.js';
import { type Combination, refusalsOf, type Switch } from './switches.js';

/** Tests each switch alone, over a base that sets sizes; `companions` have what those need that are refused without it. */
export const testAlone = (
  base: Combination,
  table: readonly Switch[],
  companions: Readonly<Record<string, Combination>> = {},
): void => {
  describe('a run in which nothing but one switch is set', () => {
    prepareRuns();
    const plain = completed(base);
    const cases = table.flatMap(({ key, values }) =>
      [...new Set(values)]
        .filter((value) => value !== undefined && !isDeepStrictEqual(value, plain[key]))
        .map((value) => ({ key, value, name: `${key}=${JSON.stringify(value)}` })),
    );
    const refused = cases.filter(({ key, value }) => refusalsOf({ ...plain, [key]: value }).length > 0);

    it('is sound where none is', () => expectSound(base, plain));

    it.each(cases)('is sound, or refused for a reason: $name', ({ key, value }) =>
      expectSound({ ...base, [key]: value }, { ...plain, [key]: value }),
    );

    it('has each switch in a case of its own, of which few need another', () => {
      expect(table.filter(({ key }) => !cases.some((one) => one.key === key))).toEqual([]);
      expect(refused.map(({ key }) => key)).toEqual(Object.keys(companions));
    });

    it.skipIf(refused.length === 0).each(refused)('is sound with what it needs: $name', async ({ key, value }) => {
      const of = { ...companions[key], [key]: value };
      expect(refusalsOf({ ...plain, ...of })).toEqual([]);
      await expectSound({ ...base, ...of }, { ...plain, ...of });
    });
  });
};
