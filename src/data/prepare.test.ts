import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { openDataset } from './dataset.js';
import { type DataOptions, prepareData } from './prepare.js';

const folder = mkdtempSync(join(tmpdir(), 'nonet-prepare-'));
const sources = join(folder, 'sources');
const cache = join(folder, 'cache');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  for (const path of [sources, cache]) rmSync(path, { recursive: true, force: true });
  mkdirSync(sources);
});

const write = (name: string, contents: string | Uint8Array): string => {
  writeFileSync(join(sources, name), contents);
  return join(sources, name);
};

/** Both parts as text. */
async function parts(options: Partial<DataOptions> = {}): Promise<[string, string]> {
  const { folder: prepared } = await prepareData({ path: sources, ...options }, cache);
  const { trainBytes, validationBytes, close } = await openDataset(prepared);
  const texts = [trainBytes, validationBytes].map((store) => Buffer.from(store.read(0, store.length)).toString());
  close();
  return [texts[0]!, texts[1]!];
}

const temporary = () => readdirSync(cache).filter((name) => name.includes('.tmp-'));

describe('prepareData', () => {
  it('streams all sources in order and cuts the validation part off the end', async () => {
    write('a.txt', 'Call me ');
    write('b.jsonl', '{"text":"Ishmael."}\n{"text":"Some"}\n');
    expect(await parts({ validationShare: 0.25 })).toEqual(['Call me \nIshmael', '.\nSome']);
  });

  it('cuts at a share of the bytes, or of the characters of UTF-8 text', async () => {
    write('a.txt', 'ééééé-----');
    expect(await parts({ validationShare: 0.6 })).toEqual(['ééé', 'éé-----']);
    expect(await parts({ validationShare: 0.6, splitUnit: 'characters' })).toEqual(['éééé', 'é-----']);
    expect(await parts({ validationShare: 0 })).toEqual(['ééééé-----', '']);
  });

  it('cuts characters as slicing the text would', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', minLength: 30 }),
        fc.integer({ min: 2, max: 8 }),
        async (text, tenths) => {
          write('a.txt', text);
          const characters = [...text];
          const cut = Math.floor(characters.length * (1 - tenths / 10));
          expect(await parts({ validationShare: tenths / 10, splitUnit: 'characters' })).toEqual([
            characters.slice(0, cut).join(''),
            characters.slice(cut).join(''),
          ]);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('takes the validation part from files of its own, which it leaves out of training with a warning', async () => {
    write('a.txt', 'training');
    const validationPath = write('b.txt', 'held out');
    expect(await parts({ validationPath })).toEqual(['training', 'held out']);
    const { warnings } = await prepareData({ path: sources, validationPath }, cache);
    expect(warnings).toEqual([expect.stringMatching(/^1 of data.path's files/)]);
  });

  it('keeps the split of its own files apart from the share of one', async () => {
    write('a.txt', 'training');
    const validationPath = write('b.txt', 'x');
    expect((await parts({ validationPath }))[0]).toBe('training');
    expect((await parts({}))[0]).toBe('trainingx'.slice(0, 8));
  });
});

describe('a second call', () => {
  it('starts at once, without a look into the files', async () => {
    const path = write('a.txt', 'Call me Ishmael.');
    const { mtimeMs } = statSync(path);
    const first = await prepareData({ path }, cache);
    write('a.txt', 'Call me Ahab.123');
    utimesSync(path, mtimeMs / 1000, mtimeMs / 1000);
    const again = await prepareData({ path }, cache);
    // The file's time has a finer grain than utimes can set: only where it took is the short cut visible.
    if (statSync(path).mtimeMs === mtimeMs) expect(again).toEqual({ ...first, reused: true });
    expect(first.reused).toBe(false);
  });

  it('sees every change of contents or options, and gives the same contents the same folder', async () => {
    const path = write('a.txt', 'Call me Ishmael.');
    const first = await prepareData({ path }, cache);
    write('a.txt', 'Call me Ishmael?');
    utimesSync(path, 1, 1);
    const changed = await prepareData({ path }, cache);
    const other = await prepareData({ path, validationShare: 0.5 }, cache);
    write('a.txt', 'Call me Ishmael.');
    utimesSync(path, 2, 2);
    const back = await prepareData({ path }, cache);
    expect(new Set([first, changed, other].map(({ folder }) => folder)).size).toBe(3);
    expect(back).toEqual(first);
  });

  it('prepares anew what was damaged since', async () => {
    const path = write('a.txt', 'Call me Ishmael.');
    const { folder: prepared, meta } = await prepareData({ path }, cache);
    truncateSync(join(prepared, 'data.bin'), 3);
    expect(await prepareData({ path }, cache)).toMatchObject({ reused: false, meta });
    writeFileSync(join(prepared, 'meta.json'), '{');
    expect(await prepareData({ path }, cache)).toMatchObject({ reused: false, meta });
    expect(await prepareData({ path }, cache)).toMatchObject({ reused: true, meta });
  });

  it('may run at the same time as the first', async () => {
    const path = write('a.txt', 'Call me Ishmael.');
    for (let round = 0; round < 10; round++) {
      rmSync(cache, { recursive: true, force: true });
      const all = await Promise.all([1, 2, 3, 4].map(() => prepareData({ path }, cache)));
      expect(new Set(all.map(({ folder }) => folder)).size).toBe(1);
      const { meta, close } = await openDataset(all[0]!.folder);
      close();
      expect(meta).toEqual(all[0]!.meta);
      expect(temporary()).toEqual([]);
    }
  });
});

describe('bad input', () => {
  it.each<[string, Record<string, string>, Partial<DataOptions>, string, RegExp]>([
    ['an empty text', { 'a.txt': '' }, {}, 'E_DATA', /a\.txt: empty/],
    ['a text too short to split', { 'a.txt': 'x' }, {}, 'E_DATA', /none is left for training/],
    [
      'a validation share without a byte',
      { 'a.txt': 'xyz' },
      { splitUnit: 'characters', validationShare: 1e-20 },
      'E_DATA',
      /validation/,
    ],
    ['a share of all', { 'a.txt': 'xyz' }, { validationShare: 1 }, 'E_CONFIG', /validationShare/],
    ['a separator that is no byte', { 'a.txt': 'xyz' }, { separator: 256 }, 'E_CONFIG', /separator/],
    ['a JSONL line that does not parse', { 'a.jsonl': '{"text":"a"}\nb\n' }, {}, 'E_DATA', /a\.jsonl, line 2/],
    ['a damaged file', { 'a.txt.gz': 'abc' }, {}, 'E_DATA', /a\.txt\.gz is damaged/],
    ['nothing but validation files', { 'a.txt': 'xyz' }, { validationPath: sources }, 'E_DATA', /nothing is left/],
    ['a folder without files', {}, {}, 'E_FILE', /names no file/],
  ])('is a typed error that leaves nothing behind: %s', async (_, files, options, code, message) => {
    for (const [name, contents] of Object.entries(files)) write(name, contents);
    mkdirSync(cache, { recursive: true });
    await expect(prepareData({ path: sources, ...options }, cache)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(readdirSync(cache)).toEqual([]);
  });

  it('is a cache folder that cannot be made', async () => {
    const path = write('a.txt', 'Call me Ishmael.');
    await expect(prepareData({ path }, join(path, 'cache'))).rejects.toMatchObject({ code: 'E_FILE' });
  });
});

it('removes what a killed process left behind, not what a running one writes', async () => {
  const path = write('a.txt', 'Call me Ishmael.');
  // No process has this number: it lies above Linux's largest.
  mkdirSync(join(cache, 'data.tmp-99999999-00'), { recursive: true });
  const running = [process.pid, process.ppid].map((id) => `data.tmp-${id}-00`);
  for (const name of running) mkdirSync(join(cache, name));
  // An earlier process with the number of this one.
  const earlier = join(cache, `data.tmp-${process.pid}-01`);
  mkdirSync(earlier);
  utimesSync(earlier, 1, 1);
  await prepareData({ path }, cache);
  expect(temporary().sort()).toEqual(running.sort());
});

it('warns of long repeats between the two parts, on the first call and the second', async () => {
  const line = (index: number) => `${index} ${(index * 2654435761) >>> 0} barrels of oil\n`;
  const text = Array.from({ length: 100 }, (_, index) => line(index)).join('');
  write('a.txt', text.repeat(4));
  for (const reused of [false, true]) {
    const prepared = await prepareData({ path: sources }, cache);
    expect(prepared.reused).toBe(reused);
    expect(prepared.meta.duplicates.found).toBe(prepared.meta.duplicates.blocks);
    expect(prepared.warnings).toEqual([expect.stringMatching(/^100\.0% of the validation part/)]);
  }
});
