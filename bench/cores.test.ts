import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';

const { allowedCores, parseCores, stayOnCores } = (await import(new URL('cores.mjs', import.meta.url).href)) as {
  allowedCores: () => number[];
  parseCores: (list: string) => number[];
  stayOnCores: (threads: number) => number | undefined;
};

describe('parseCores', () => {
  it('reads numbers and ranges', () => {
    expect(parseCores('0-2,5,8-9')).toEqual([0, 1, 2, 5, 8, 9]);
  });
});

describe('stayOnCores', () => {
  it('goes on in this process where there are no cores to spare', () => {
    expect(allowedCores()).toHaveLength(availableParallelism());
    expect(stayOnCores(availableParallelism())).toBeUndefined();
  });
});
