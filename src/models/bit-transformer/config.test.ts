import { describe, expect, it } from 'vitest';
import { parameterCount } from '../../nn/index.js';
import { type BitTransformerOptions, resolveBitTransformer } from './config.js';
import { BitTransformer } from './model.js';
import { presets } from './presets.js';

const count = (options: BitTransformerOptions): number => parameterCount(new BitTransformer(options));

describe('resolveBitTransformer', () => {
  it('takes what is not given from the preset', () => {
    const config = resolveBitTransformer({ preset: 'classic', layers: 2 });
    expect(config).toEqual({ family: 'bit-transformer', preset: 'classic', ...presets.classic, layers: 2 });
  });

  it('leaves a complete configuration as it is', () => {
    const config = resolveBitTransformer({ preset: 'small', bitsPerPatch: 9, dropout: 0.1 });
    expect(resolveBitTransformer(config)).toEqual(config);
    expect(resolveBitTransformer(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  it('does not take an undefined key for a given one', () => {
    expect(resolveBitTransformer({ preset: 'nano', layers: undefined }).layers).toBe(presets.nano.layers);
  });

  it.each<[string, BitTransformerOptions]>([
    ['heads', { dModel: 100, heads: 3 }],
    ['256', { dModel: 1024, heads: 2 }],
    ['rotary', { dModel: 9, heads: 3, positions: 'rotary' }],
    ['classicHead', { classicHead: true, bitsPerPatch: 8 }],
    ['tiedHead', { classicHead: true, bitsPerPatch: 1, tiedHead: true }],
    ['bitsPerPatch', { bitsPerPatch: 13 }],
    ['bitsPerPatch', { bitsPerPatch: 0 }],
    ['layers', { layers: 1.5 }],
    ['dropout', { dropout: 1 }],
    ['contextLength', { contextLength: 0 }],
    ['chunkSize', { chunkSize: -1 }],
    ['overlap', { overlap: 1.5 }],
    ['preset', { preset: 'huge' as 'base' }],
    ['did you mean dModel', { dmodel: 5 } as BitTransformerOptions],
  ])('refuses what does not fit and says so: %s', (words, options) => {
    expect(() => resolveBitTransformer(options)).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining(words) }),
    );
  });
});

describe('parameter counts', () => {
  it('of classic are those of BitTransformerLM', () => {
    expect(count({ preset: 'classic' })).toBe(16_824_322);
    expect(count({ preset: 'classic', dModel: 1792, heads: 28, layers: 20, feedForward: 7168 })).toBe(771_176_450);
  });

  it.each([
    ['nano', 0.84],
    ['small', 4.89],
    ['base', 25.8],
  ] as const)('of %s are about %d million', (preset, millions) => {
    expect(Math.abs(count({ preset }) / 1e6 / millions - 1)).toBeLessThan(0.02);
  });

  it('grow by one product with the gate, and shrink by the head when it is tied', () => {
    const plain = count({ preset: 'nano', activation: 'gelu' });
    expect(count({ preset: 'nano' }) - plain).toBe(4 * 128 * 352);
    expect(count({ preset: 'nano', tiedHead: false }) - count({ preset: 'nano' })).toBe(128 * 255);
  });
});
