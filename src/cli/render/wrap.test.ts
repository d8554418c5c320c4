import { expect, it } from 'vitest';
import { wrapped } from './wrap.js';

it('breaks between words, indents every line and never cuts a long word', () => {
  expect(wrapped('a bb ccc  dddd', 7, '  ')).toBe('  a bb\n  ccc\n  dddd\n');
  expect(wrapped('unbreakable', 4)).toBe('unbreakable\n');
});

it('gives nothing for no words', () => {
  expect(wrapped('  ', 10)).toBe('');
});
