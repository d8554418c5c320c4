import { describe, expect, it } from 'vitest';
import { knownKeys } from '../src/core/config.js';
import { bitTransformerSchema } from '../src/models/bit-transformer/config.js';
import { runConfigSchema } from '../src/train/config.js';
import { combinations, testCombinations } from './combinations-support.js';
import { apart, refusals, refusalsOf, switches } from './switches.js';

describe('the table of switches', () => {
  it('has every key of model and train, and those that stand alone', () => {
    const groups = ['model', 'train', 'adapter'];
    const ofFamily = Object.keys(bitTransformerSchema().shape).map((key) => `model.${key}`);
    const keys = knownKeys(runConfigSchema())
      .map(({ key }) => key)
      .filter((key) => !key.startsWith('model.') || ofFamily.includes(key));
    const wanted = keys.filter(
      (key) => groups.includes(key.split('.')[0]!) || (!key.includes('.') && !isOfMachine(key)),
    );
    const there = [...switches.map(({ key }) => key), ...Object.keys(apart)];
    // A switch may set all keys of a group at once.
    const covers = (name: string, key: string): boolean => key === name || key.startsWith(`${name}.`);
    expect(wanted.filter((key) => !there.some((name) => covers(name, key)))).toEqual([]);
    expect(there.filter((name) => !keys.some((key) => covers(name, key)))).toEqual([]);
  });

  it('is taken with every value, refused and not', () => {
    const refused = combinations.filter((of) => refusalsOf(of).length > 0);
    expect(refused.length).toBeGreaterThan(20);
    expect(refused.length).toBeLessThan(110);
    for (const { when } of refusals) expect(refused.some(when)).toBe(true);
    const taken = combinations.filter((of) => !refused.includes(of));
    for (const { key, values } of switches) {
      for (const value of values)
        expect(
          taken.some((of) => of[key] === value),
          `${key}=${value}`,
        ).toBe(true);
    }
  });
});

const isOfMachine = (key: string): boolean => key === 'seed' || key === 'threads';

/** The others are in a file of their own, so that two processes share them. */
describe('the first half of the random combinations', () => testCombinations(0, combinations.length / 2));
