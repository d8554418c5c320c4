import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectData } from './inspect-data.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nonet-inspect-'));
});
afterAll(() => rm(folder, { recursive: true }));

const file = async (name: string, contents: string | Uint8Array): Promise<string> => {
  await writeFile(join(folder, name), contents);
  return join(folder, name);
};

describe('inspectData', () => {
  it('tells text from binary data by its bytes', async () => {
    expect(await inspectData(await file('a.txt', 'Café\n'))).toEqual({ kind: 'text', files: 1, bytes: 6 });
    expect(await inspectData(await file('a.bin', Uint8Array.of(1, 2, 3)))).toMatchObject({ kind: 'binary' });
    expect(await inspectData(await file('latin1', Uint8Array.of(0x61, 0xe9, 0x61, 0x61, 0x61, 0x61)))).toMatchObject({
      kind: 'binary',
    });
  });

  it('takes text whose last looked-at character is cut off for text', async () => {
    const text = `a${'é'.repeat(40_000)}`;
    expect(await inspectData(await file('long.txt', text))).toMatchObject({ kind: 'text' });
  });

  it('finds JSON lines by extension or by contents, and the field of the text', async () => {
    const lines = '{"id":"1","body":"one"}\n{"id":"2","body":"two"}\n';
    expect(await inspectData(await file('a.jsonl', lines))).toMatchObject({ kind: 'jsonl', textField: 'body' });
    expect(await inspectData(await file('a.log', lines))).toMatchObject({ kind: 'jsonl' });
    const odd = '{"author":"x","words":"the longest field"}\n';
    expect(await inspectData(await file('b.jsonl', odd))).toMatchObject({ textField: 'words' });
  });

  it('looks through compression', async () => {
    expect(await inspectData(await file('a.txt.gz', gzipSync('plain text')))).toMatchObject({ kind: 'text' });
  });

  it('adds up the files of a folder', async () => {
    await mkdir(join(folder, 'many'));
    await writeFile(join(folder, 'many', 'a'), 'abc');
    await writeFile(join(folder, 'many', 'b'), 'de');
    expect(await inspectData(join(folder, 'many'))).toEqual({ kind: 'text', files: 2, bytes: 5 });
  });

  it('refuses what is empty, missing or no JSON lines', async () => {
    await expect(inspectData(await file('empty', ''))).rejects.toMatchObject({ code: 'E_DATA' });
    await expect(inspectData(join(folder, 'none'))).rejects.toMatchObject({ code: 'E_FILE' });
    await expect(inspectData(await file('c.jsonl', 'no json\n'))).rejects.toThrow(/c\.jsonl:1 is not a JSON object/);
    await expect(inspectData(await file('d.jsonl', '{"n":1}\n'))).rejects.toThrow(/no field that holds text, only n/);
  });
});
