import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runArgument } from './run-argument.js';

it('shortens a run in its usual place to its name', () => {
  expect(runArgument(join('runs', 'a'))).toBe('a');
  expect(runArgument(join(process.cwd(), 'runs', 'a'))).toBe('a');
});

it('keeps other paths and quotes what a shell would not leave alone', () => {
  expect(runArgument('/data/runs/a')).toBe('/data/runs/a');
  expect(runArgument(join('runs', "it's mine"))).toBe("'it'\\''s mine'");
});
