import { expect, it } from 'vitest';
import { keyList } from './config.js';

it('tells of every key what it takes, its default and what it does', () => {
  const keys = [
    { key: 'train.steps', type: 'integer above 0', default: 1000, help: 'Optimizer steps.', required: false },
    { key: 'data.path', type: 'text', help: '', required: true },
    { key: 'train.minutes', type: 'number', help: 'A time.', required: false },
  ];
  expect(keyList(keys, 80)).toBe(
    'train.steps\n    integer above 0; default 1000\n    Optimizer steps.\n' +
      'data.path\n    text; required\n' +
      'train.minutes\n    number; optional\n    A time.\n',
  );
});
