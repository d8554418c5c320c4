import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lastValues, parseJsonLines } from './json-lines.js';

describe('parseJsonLines', () => {
  it('gives every row with its text', () => {
    expect(parseJsonLines('{"a":1}\n\n{"a": 2}\n', 'x')).toEqual([
      { text: '{"a":1}', row: { a: 1 } },
      { text: '{"a": 2}', row: { a: 2 } },
    ]);
  });

  it('leaves out a last line that is half written', () => {
    expect(parseJsonLines('{"a":1}\n{"a":', 'x')).toHaveLength(1);
  });

  it.each(['{"a":\n{"a":1}\n', '[1]\n', '{"a":1}\n3\n'])('names the line that is no object in %j', (text) => {
    expect(() => parseJsonLines(text, 'm.jsonl')).toThrow(/m\.jsonl:[12] is not a JSON object/);
  });
});

describe('lastValues', () => {
  let path: string;
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nonet-lines-'));
    path = join(folder, 'm.jsonl');
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('gives the last value of every key', async () => {
    await writeFile(path, '{"step":1,"validation":3}\n{"step":2,"loss":0.5}\n{"step":3');
    expect(await lastValues(path)).toEqual({ step: 2, validation: 3, loss: 0.5 });
  });

  it('reads only the end of a long file, where a line may start in its middle', async () => {
    const rows = Array.from({ length: 200_000 }, (_, step) => `{"step":${step}}\n`);
    await writeFile(path, `{"first":true}\n${rows.join('')}`);
    expect(await lastValues(path)).toEqual({ step: 199_999 });
  });

  it('is empty without a file', async () => {
    expect(await lastValues(path)).toEqual({});
  });
});
