import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearest, nearestKey } from './nearest.js';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['heads', 'heds', 1],
    ['path', 'paht', 1],
    ['ab', 'ba', 1],
    ['abc', 'cba', 2],
  ])('from %j to %j is %d', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  it('is the same in both directions, zero for equal words only, and at most the longer length', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});

describe('nearest', () => {
  it('ignores case and separators', () => {
    expect(nearest('d_model', ['modes', 'dModel'])).toBe('dModel');
  });

  it('suggests nothing for an unrelated word', () => {
    expect(nearest('banana', ['heads', 'layers'])).toBeUndefined();
  });
});

describe('nearestKey', () => {
  const keys = ['seed', 'model.heads', 'model.layers', 'train.steps', 'train.batchSize', 'train.seeds', 'model'];

  it.each([
    ['model.heds', 'model.heads'],
    ['modle.layers', 'model.layers'],
    ['modle', 'model'],
    ['steps', 'train.steps'],
    ['model.batchSize', 'train.batchSize'],
    ['train.seed', 'train.seeds'],
    ['sed', 'seed'],
  ])('finds for %s the key %s', (wrong, right) => {
    expect(nearestKey(wrong, keys)).toBe(right);
  });
});
