import { describe, expect, it } from 'vitest';
import { comparison, savingOverXz } from './bits-per-byte.js';

const sizes = { gzip: 3.2, bzip2: 2.6, xz: 3, zstd: { missing: 'zstd is not installed' } };

describe('comparison', () => {
  it('sets the model among the compressors, best first, and says which tool is missing', () => {
    const lines = comparison(2.8, sizes).trimEnd().split('\n');
    expect(lines.map((line) => line.trim().split(/\s{2,}/))).toEqual([
      ['bzip2 -9', '2.600 bits per byte'],
      ['this model', '2.800 bits per byte'],
      ['xz -9e', '3.000 bits per byte'],
      ['gzip -9', '3.200 bits per byte'],
      ['zstd -19', 'zstd is not installed'],
    ]);
  });

  it('shows the model alone without compressors', () => {
    expect(comparison(2.8, null)).toBe('  this model  2.800 bits per byte\n');
  });
});

describe('savingOverXz', () => {
  it('tells smaller from larger', () => {
    expect(savingOverXz(2.4, sizes)).toBe('20% smaller than xz -9e');
    expect(savingOverXz(3.3, sizes)).toBe('10% larger than xz -9e');
  });

  it('is silent where xz is missing', () => {
    expect(savingOverXz(2.4, { ...sizes, xz: { missing: 'xz is not installed' } })).toBeUndefined();
  });
});
