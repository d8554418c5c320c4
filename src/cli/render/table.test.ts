import { describe, expect, it } from 'vitest';
import { facts, table } from './table.js';

describe('table', () => {
  it('makes columns as wide as their widest cell and leaves no space at the ends of lines', () => {
    const rows = [
      ['run', 'step', ''],
      ['a', '10/20', 'x'],
      ['longer', '5', ''],
    ];
    expect(table(rows, ['left', 'right'])).toBe('run      step\na       10/20  x\nlonger      5\n');
  });

  it('does not count colours as width', () => {
    expect(
      table([
        ['\x1b[31mab\x1b[39m', 'x'],
        ['abc', 'y'],
      ]),
    ).toBe('\x1b[31mab\x1b[39m   x\nabc  y\n');
  });

  it('gives no text for no rows', () => {
    expect(table([])).toBe('');
  });
});

describe('facts', () => {
  it('leaves out what has no value', () => {
    expect(
      facts([
        ['speed', undefined],
        ['run', 'runs/a'],
        ['steps', '3'],
      ]),
    ).toBe('  run    runs/a\n  steps  3\n');
  });
});
