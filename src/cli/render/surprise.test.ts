import { describe, expect, it } from 'vitest';
import { colouredSurprise, surpriseTable } from './surprise.js';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const color = (number: number, text: string): string => `\x1b[38;5;${number}m${text}`;

describe('colouredSurprise', () => {
  it('gives every character the colour of its surprise and changes it only where it must', () => {
    expect(colouredSurprise(encode('abc'), Float32Array.of(0.1, 0.2, 9))).toBe(
      `${color(240, 'ab')}${color(196, 'c')}\x1b[0m\n`,
    );
  });

  it('adds up the bytes of a character', () => {
    expect(colouredSurprise(encode('é'), Float32Array.of(5, 4))).toBe(`${color(196, 'é')}\x1b[0m\n`);
  });

  it('marks line feeds and hides what is no text', () => {
    const text = colouredSurprise(Uint8Array.of(0x0a, 0xff, 0x1b), new Float32Array(3));
    expect(text).toBe(`${color(240, '\u21b5\n\ufffd\ufffd')}\x1b[0m\n`);
  });
});

describe('surpriseTable', () => {
  it('has a row for every byte', () => {
    const lines = surpriseTable(encode('A é\n'), Float32Array.of(8, 1.25, 2, 3, 4)).split('\n');
    expect(lines.map((line) => line.trim().split(/\s+/))).toEqual([
      ['offset', 'byte', 'text', 'surprise'],
      ['0', '41', 'A', '8.000'],
      ['1', '20', 'space', '1.250'],
      ['2', 'c3', '2.000'],
      ['3', 'a9', '3.000'],
      ['4', '0a', '\\n', '4.000'],
      [''],
    ]);
  });
});
