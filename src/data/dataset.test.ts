import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataset } from './dataset.js';
import { prepareData } from './prepare.js';

let folder = '';
let prepared = '';
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nonet-dataset-'));
  writeFileSync(join(folder, 'a.txt'), 'Call me Ishmael.');
  prepared = (await prepareData({ path: join(folder, 'a.txt'), validationShare: 0.5 }, join(folder, 'cache'))).folder;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('openDataset', () => {
  it('reads the same bytes from a mapped file as from an unmapped one', async () => {
    const mapped: string[] = [];
    const mapFile = (path: string): ArrayBuffer => {
      mapped.push(path);
      return new Uint8Array(readFileSync(path)).buffer;
    };
    for (const options of [{}, { mapFile }]) {
      const { trainBytes, validationBytes, meta, close } = await openDataset(prepared, options);
      expect(Buffer.from(trainBytes.read(0, 8)).toString()).toBe('Call me ');
      expect(Buffer.from(validationBytes.read(0, 8)).toString()).toBe('Ishmael.');
      expect(meta).toMatchObject({
        bytes: 16,
        trainBytes: 8,
        validationBytes: 8,
        files: [{ name: 'a.txt', bytes: 16 }],
      });
      close();
    }
    expect(mapped).toEqual([join(prepared, 'data.bin')]);
  });

  const editMeta = (edit: (meta: Record<string, unknown>) => void) => {
    const path = join(prepared, 'meta.json');
    const meta: Record<string, unknown> = JSON.parse(readFileSync(path, 'utf8'));
    edit(meta);
    writeFileSync(path, JSON.stringify(meta));
  };

  it('reads a long file in pages, past 4 GiB too', async () => {
    const bytes = 2 ** 32 + 1000;
    truncateSync(join(prepared, 'data.bin'), bytes); // a hole, which takes no room
    appendFileSync(join(prepared, 'data.bin'), 'the end');
    editMeta((meta) => Object.assign(meta, { bytes: bytes + 7, trainBytes: bytes, validationBytes: 7 }));
    const mapFile = () => expect.fail('mapped');
    const { trainBytes, validationBytes, close } = await openDataset(prepared, { mapFile });
    expect(Buffer.from(trainBytes.read(0, 7)).toString()).toBe('Call me');
    expect([...trainBytes.read(bytes - 2, 2)]).toEqual([0, 0]);
    expect(Buffer.from(validationBytes.read(0, 7)).toString()).toBe('the end');
    close();
  });

  it.each<[string, () => void, string, RegExp]>([
    ['no meta.json', () => rmSync(join(prepared, 'meta.json')), 'E_FILE', /no prepared data/],
    ['no data.bin', () => rmSync(join(prepared, 'data.bin')), 'E_FILE', /data\.bin/],
    ['data of another length', () => appendFileSync(join(prepared, 'data.bin'), 'x'), 'E_DATA', /17 bytes/],
    [
      'parts that are not the whole',
      () => editMeta((meta) => Object.assign(meta, { trainBytes: 1 })),
      'E_DATA',
      /damaged/,
    ],
    ['another version', () => editMeta((meta) => Object.assign(meta, { version: 2 })), 'E_DATA', /version/],
    ['a missing key', () => editMeta((meta) => Reflect.deleteProperty(meta, 'bytes')), 'E_DATA', /bytes/],
    [
      'a meta.json that does not parse',
      () => writeFileSync(join(prepared, 'meta.json'), '{'),
      'E_DATA',
      /not valid JSON/,
    ],
  ])('says what is wrong: %s', async (_, damage, code, message) => {
    damage();
    await expect(openDataset(prepared)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});
