import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { prepareData } from './prepare.js';
import { wikitextArticles } from './wikitext.js';

const folder = mkdtempSync(join(tmpdir(), 'nonet-wikitext-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = ' \n = Whale = \n \n Big . \n = = Size = = \n Very . \n = Sea = \n Wide = deep = \n';

describe('wikitextArticles', () => {
  it.each([1, 3, 7, 1000])('sets articles apart, not sections, whatever the pieces (%d bytes)', async (size) => {
    const pieces = async function* () {
      for (let at = 0; at < text.length; at += size) yield Buffer.from(text.slice(at, at + size));
    };
    const read = async (continues: boolean): Promise<string> => {
      const parts: Uint8Array[] = [];
      for await (const part of wikitextArticles(pieces(), { separator: 4, continues })) parts.push(part);
      return Buffer.concat(parts).toString();
    };
    expect(await read(false)).toBe(text.replace(' = Sea', '\x04 = Sea'));
    expect(await read(true)).toBe(text.replace(' = Sea', '\x04 = Sea').replace(' = Whale', '\x04 = Whale'));
  });

  it('takes a folder as it is published: its own validation part, and no test part', async () => {
    for (const part of ['train', 'valid', 'test']) writeFileSync(join(folder, `wiki.${part}.raw`), ` = ${part} = \n`);
    const { meta, folder: prepared } = await prepareData({ path: folder, separator: 4 }, join(folder, '.data'));
    expect(meta.files.map(({ name }) => name)).toEqual(['wiki.train.raw', 'wiki.valid.raw']);
    expect((await readFile(join(prepared, 'data.bin'))).toString()).toBe(' = train = \n = valid = \n');
    expect(meta.trainBytes).toBe(' = train = \n'.length);
  });
});
