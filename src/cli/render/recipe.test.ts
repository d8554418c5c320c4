import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkConfig } from '../../train/config.js';
import { presetFor, type RecipeSubject, recipeText } from './recipe.js';

const subject: RecipeSubject = { path: 'book.txt', name: 'book', kind: 'text', files: 1, bytes: 1e6 };

describe('recipeText', () => {
  it('is a recipe that the schema takes as it stands', () => {
    const config = checkConfig(parse(recipeText(subject)), 'recipe.yaml', 'recipe');
    expect(config).toMatchObject({ run: { name: 'book' }, data: { path: 'book.txt', format: 'text' } });
  });

  it('quotes names that YAML would read as something else', () => {
    const odd = { ...subject, path: 'no: #1.txt', name: '2024' };
    expect(parse(recipeText(odd))).toMatchObject({ run: { name: '2024' }, data: { path: 'no: #1.txt' } });
  });

  it('names the field of JSON lines, and only there', () => {
    const lines = { ...subject, kind: 'jsonl' as const, textField: 'body' };
    expect(parse(recipeText(lines)).data).toMatchObject({ format: 'jsonl', textField: 'body' });
    expect(recipeText(subject)).not.toMatch(/textField/);
  });

  it('explains nearly every key', () => {
    const keys = recipeText(subject).match(/^ {2}\w+:/gm) ?? [];
    const explained = recipeText(subject).match(/^ {2}\w+:.* {2}# /gm) ?? [];
    expect(explained.length).toBeGreaterThanOrEqual(keys.length - 2);
  });
});

describe('presetFor', () => {
  it('chooses larger models for more data', () => {
    expect([1e5, 5e7, 1e9].map((bytes) => presetFor(bytes).preset)).toEqual(['nano', 'small', 'base']);
  });
});
