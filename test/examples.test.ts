import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';

/** What every program in examples/ must print: whole lines, or patterns where figures differ between instruction sets. */
const printed: Readonly<Record<string, readonly (string | RegExp)[]>> = {
  'bits-and-parity': [
    'frames:  010010000 011010010 110000110 101010010',
    'patches: 144 210 390 338',
    'packed:  5 bytes for 36 bits',
    'runs:    23, back the same: true',
    'damaged: {"frames":4,"wrong":1,"firstWrong":1}',
    /^E_CODEC: wrong parity at byte 1/,
    'corrected 1: "Hyé", was "Hié"',
  ],
  'custom-model': [
    'hidden.weight [8,64], hidden.bias [64], output.weight [64,1], output.bias [1]',
    /^loss 0\.\d+ before, 0\.00\d after 300 steps$/,
    '256 of 256 answers are right',
    'second derivative of x^3 at 2: 12',
  ],
  'per-example-gradients': [/^mean loss 0\.\d\d$/, 'largest gradients: examples 7, 20, 41; wrong labels: 7, 20, 41'],
  'train-and-generate': [
    /^\d{6} parameters$/,
    /^step 1: [78]\.\d+ bits per byte$/,
    /^step 81: [1-4]\.\d+ bits per byte$/,
    /^step 161: [01]\.\d+ bits per byte$/,
    /^step 241: 0\.\d+ bits per byte$/,
    'Some years ago, never mind how long precisely, I',
  ],
  'score-file': [
    /^[2-7]\.\d+ bits per byte over the last \d+ bytes$/,
    /^[2-9]\.\d+ {2}\S/,
    /^[2-9]\.\d+ {2}\S/,
    /^[2-9]\.\d+ {2}\S/,
  ],
};

const folder = new URL('../examples/', import.meta.url);

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the examples', () => {
  it('are all run here', () => {
    const names = readdirSync(folder).filter((file) => /^[\w-]+\.ts$/.test(file));
    expect(names).toEqual(
      Object.keys(printed)
        .map((name) => `${name}.ts`)
        .sort(),
    );
  });

  it.each(Object.keys(printed))('print what they say: %s', async (name) => {
    const lines: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((...parts: unknown[]) => void lines.push(parts.join(' ')));
    vi.spyOn(process, 'argv', 'get').mockReturnValue([process.execPath, name]);
    await import(new URL(`${name}.ts`, folder).href);
    const expected = printed[name]!;
    expect(lines).toEqual(expected.map((line) => (typeof line === 'string' ? line : expect.stringMatching(line))));
  });
});
