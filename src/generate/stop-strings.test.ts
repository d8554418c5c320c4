import { describe, expect, it } from 'vitest';
import { StopFinder } from './stop-strings.js';
import { bytes } from './test-support.js';

/** The stop that ends the text, and where; undefined if none does. */
const find = (text: string, ...stops: string[]): [stop: string, end: number] | undefined => {
  const finder = new StopFinder(stops.map(bytes));
  for (const [i, byte] of bytes(text).entries()) {
    const stop = finder.push(byte);
    if (stop) return [new TextDecoder().decode(stop), i + 1];
  }
  return undefined;
};

describe('stop strings', () => {
  it('end a text at the first one that is complete', () => {
    expect(find('say END and STOP', 'STOP', 'END')).toEqual(['END', 7]);
    expect(find('nothing here', 'STOP')).toBeUndefined();
    expect(find('text')).toBeUndefined();
  });

  it('are found behind a false start', () => {
    expect(find('aaab', 'aab')).toEqual(['aab', 4]);
    expect(find('ababac', 'abac')).toEqual(['abac', 6]);
  });

  it('count from where the longest began when several end together', () => {
    expect(find('one\n\n', '\n', '\n\n')).toEqual(['\n', 4]);
    expect(find('xend', 'end', 'xend')).toEqual(['xend', 4]);
  });

  it('hold back what may be their beginning, and nothing else', () => {
    const finder = new StopFinder([bytes('abac'), bytes('cd')]);
    const held = [...bytes('xabababcxc')].map((byte) => {
      finder.push(byte);
      return finder.held;
    });
    expect(held).toEqual([0, 1, 2, 3, 2, 3, 2, 1, 0, 1]);
  });
});
