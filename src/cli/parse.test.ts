import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { decimal, hexBytes, recipeAndSettings, wholeNumber } from './parse.js';

describe('wholeNumber', () => {
  it('takes whole numbers from the least on and nothing else', () => {
    expect(wholeNumber(1)('12')).toBe(12);
    for (const text of ['0', '-3', '1.5', '', ' ', 'x', '1e400']) {
      expect(() => wholeNumber(1)(text), text).toThrow(InvalidArgumentError);
    }
  });
});

describe('wholeNumber with an upper end', () => {
  it('names both ends to a number beyond one of them', () => {
    expect(wholeNumber(1, 8)('8')).toBe(8);
    for (const text of ['0', '9']) expect(() => wholeNumber(1, 8)(text), text).toThrow(/from 1 to 8/);
  });
});

describe('decimal', () => {
  it('takes finite numbers, negative ones too', () => {
    const any = decimal('a number', () => true);
    expect([any('0.7'), any('-1'), any('1e-3')]).toEqual([0.7, -1, 1e-3]);
    for (const text of ['', 'NaN', 'Infinity', 'warm']) expect(() => any(text), text).toThrow(InvalidArgumentError);
    expect(() => decimal('a number from 0 on', (x) => x >= 0)('-1')).toThrow(/from 0 on/);
  });
});

describe('hexBytes', () => {
  it('reads digits of both cases with spaces between them', () => {
    expect([...hexBytes('00 fF\n41')]).toEqual([0, 255, 0x41]);
    expect(hexBytes('')).toHaveLength(0);
  });

  it('says which digit is none and that one is missing', () => {
    expect(() => hexBytes('41g2')).toThrow(/holds "g" at digit 3/);
    expect(() => hexBytes('414')).toThrow(/3 digits/);
  });
});

describe('recipeAndSettings', () => {
  it('takes the first value as the recipe', () => {
    expect(recipeAndSettings(['a.yaml', 'seed=1'], 'plan')).toEqual({ recipe: 'a.yaml', settings: ['seed=1'] });
  });

  it('takes a file with an equals sign for what it is', () => {
    expect(recipeAndSettings(['lr=3.yaml'], 'plan').recipe).toBe('lr=3.yaml');
  });

  it('asks for the recipe where there is none or only settings', () => {
    expect(() => recipeAndSettings([], 'train')).toThrow(/name the recipe first: nonet train recipe\.yaml/);
    expect(() => recipeAndSettings(['seed=1'], 'train')).toThrow(/"seed=1" is a setting/);
  });
});
