import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatDuration, formatList, formatPercent, formatRate } from './format.js';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [512, '512 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [1.24e9, '1.2 GB'],
    [99.96e6, '100 MB'],
    [999_600, '1.0 MB'],
    [5e15, '5.0 PB'],
    [5e18, '5000 PB'],
    [-1500, '-1.5 kB'],
    [Number.NaN, '-'],
  ])('writes %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('formatCount', () => {
  it.each([
    [950, '950'],
    [3.4e6, '3.4 M'],
    [16_824_322, '16.8 M'],
    [771_176_450, '771 M'],
    [Number.POSITIVE_INFINITY, '-'],
  ])('writes %d as %s', (count, text) => {
    expect(formatCount(count)).toBe(text);
  });
});

describe('formatRate', () => {
  it.each([
    [1.2e6, 'B', '1.2 MB/s'],
    [93.4e9, 'FLOP', '93.4 GFLOP/s'],
    [12, 'bit', '12 bit/s'],
    [Number.NaN, 'B', '-'],
  ])('writes %d %s as %s', (value, unit, text) => {
    expect(formatRate(value, unit)).toBe(text);
  });
});

describe('formatPercent', () => {
  it('writes shares of one', () => {
    expect(formatPercent(0.613)).toBe('61.3%');
    expect(formatPercent(Number.NaN)).toBe('-');
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0 s'],
    [350e-6, '350 µs'],
    [0.012, '12 ms'],
    [0.9996, '1.0 s'],
    [4.21, '4.2 s'],
    [59.96, '1 m 00 s'],
    [65, '1 m 05 s'],
    [119.6, '2 m 00 s'],
    [3599.6, '1 h 00 m'],
    [7380, '2 h 03 m'],
    [86_399, '1 d 00 h'],
    [3 * 86_400 + 4 * 3600, '3 d 04 h'],
    [-65, '-1 m 05 s'],
    [Number.POSITIVE_INFINITY, '-'],
  ])('writes %d seconds as %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

describe('formatList', () => {
  it.each([
    [[], ''],
    [['a', 'b'], 'a, b'],
    [['a', 'b', 'c'], 'a, b, c'],
    [['a', 'b', 'c', 'd', 'e'], 'a, b, c ... and 2 more'],
  ])('writes %j, three at most, as %s', (words, text) => {
    expect(formatList(words, 3)).toBe(text);
  });
});
