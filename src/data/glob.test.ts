import { describe, expect, it } from 'vitest';
import { isGlob, matchGlob, splitGlob } from './glob.js';

describe('matchGlob', () => {
  it.each([
    ['*.txt', 'a.txt', true],
    ['*.txt', 'a.txt.gz', false],
    ['*.txt', 'atxt', false],
    ['*.txt', 'b/a.txt', false],
    ['*.txt', '.hidden.txt', false],
    ['.*.txt', '.hidden.txt', true],
    ['?.txt', 'a.txt', true],
    ['?.txt', 'ab.txt', false],
    ['?.txt', '/.txt', false],
    ['**/*.txt', 'a.txt', true],
    ['**/*.txt', 'a/b/c.txt', true],
    ['**/*.txt', 'a/.git/c.txt', false],
    ['a/**/z', 'a/z', true],
    ['a/**/z', 'a/b/c/z', true],
    ['a/**/z', 'az', false],
    ['a/**', 'a/b/c', true],
    ['a/**', 'a', false],
    ['a(1)+[x].txt', 'a(1)+[x].txt', true],
    ['part-*-of-?.jsonl', 'part-12-of-9.jsonl', true],
  ])('%s against %s: %s', (pattern, path, matches) => {
    expect(matchGlob(pattern)(path)).toBe(matches);
  });
});

describe('splitGlob', () => {
  it.each([
    ['books/2*.txt', 'books', '2*.txt'],
    ['*.txt', '.', '*.txt'],
    ['/data/**/x', '/data', '**/x'],
    ['/*.txt', '/', '*.txt'],
  ])('%s stands on %s', (pattern, base, rest) => {
    expect(splitGlob(pattern)).toEqual({ base, rest });
  });
});

it('sees a pattern only where there is a wildcard', () => {
  expect(isGlob('a/b.txt')).toBe(false);
  expect(isGlob('a/b?.txt')).toBe(true);
});
