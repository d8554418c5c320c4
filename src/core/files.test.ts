import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NonetError } from './errors.js';
import { fileError, fileExists, makeFolder, readJson, syncFolder, writeFileAtomic } from './files.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nonet-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('writeFileAtomic', () => {
  it('writes text and bytes and replaces what was there', async () => {
    const path = join(folder, 'a');
    await writeFileAtomic(path, 'old');
    await writeFileAtomic(path, new Uint8Array([110, 101, 119]));
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['a']);
  });

  it('replaces a link instead of writing through it', async () => {
    await writeFile(join(folder, 'target'), 'kept');
    await symlink('target', join(folder, 'link'));
    await writeFileAtomic(join(folder, 'link'), 'new');
    expect(await readFile(join(folder, 'target'), 'utf8')).toBe('kept');
    expect(await readFile(join(folder, 'link'), 'utf8')).toBe('new');
  });

  it('leaves no temporary file behind when the rename fails', async () => {
    await mkdir(join(folder, 'taken'));
    await writeFile(join(folder, 'taken', 'inside'), '');
    await expect(writeFileAtomic(join(folder, 'taken'), 'x')).rejects.toMatchObject({ code: 'E_FILE' });
    expect(await readdir(folder)).toEqual(['taken']);
  });

  it('says that the folder is missing', async () => {
    await expect(writeFileAtomic(join(folder, 'none', 'a'), 'x')).rejects.toThrow(/cannot write .*none.*no such file/);
  });

  it('keeps the contents of one of many writers at once', async () => {
    const path = join(folder, 'a');
    const contents = Array.from({ length: 8 }, (_, index) => String(index).repeat(10_000));
    await Promise.all(contents.map((text) => writeFileAtomic(path, text)));
    expect(contents).toContain(await readFile(path, 'utf8'));
    expect(await readdir(folder)).toEqual(['a']);
  });
});

describe('makeFolder', () => {
  it('makes what is missing and says whether anything was', async () => {
    expect(await makeFolder(join(folder, 'a', 'b', 'c'))).toBe(true);
    expect(await makeFolder(join(folder, 'a', 'b', 'c'))).toBe(false);
    expect(await makeFolder(join(folder, 'a', 'b', 'c', '..', 'd'))).toBe(true);
    expect(await readdir(join(folder, 'a', 'b'))).toEqual(['c', 'd']);
  });

  it('makes one folder for many at once', async () => {
    const path = join(folder, 'x', 'y', 'z');
    await Promise.all(Array.from({ length: 8 }, () => makeFolder(path)));
    expect(await readdir(join(folder, 'x', 'y'))).toEqual(['z']);
  });

  it('says what is in the way', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(makeFolder(join(folder, 'file'))).rejects.toThrow(/cannot create .*file: something else is there/);
    await expect(makeFolder(join(folder, 'file', 'a', 'b'))).rejects.toThrow(/a part of the path is a file/);
  });

  it.runIf(process.platform === 'linux')('ends where the folder above takes none', async () => {
    for (const path of ['/proc/nonet', '/proc/nonet/a/b']) {
      await expect(makeFolder(path)).rejects.toMatchObject({
        code: 'E_FILE',
        message: expect.stringMatching(/cannot create \/proc\/nonet: the folder above takes no folders/),
      });
    }
  });
});

describe('syncFolder', () => {
  it('takes a folder and names one that is missing', async () => {
    await syncFolder(folder);
    await expect(syncFolder(join(folder, 'none'))).rejects.toThrow(/cannot sync .*none/);
  });
});

describe('readJson', () => {
  it('reads what was written', async () => {
    await writeFileAtomic(join(folder, 'a.json'), '{"a":[1,null]}');
    expect(await readJson(join(folder, 'a.json'))).toEqual({ a: [1, null] });
  });

  it('tells a damaged file from a missing one', async () => {
    await writeFile(join(folder, 'a.json'), '{"a":');
    await expect(readJson(join(folder, 'a.json'))).rejects.toMatchObject({ code: 'E_DATA' });
    await expect(readJson(join(folder, 'b.json'))).rejects.toMatchObject({ code: 'E_FILE' });
    await expect(readJson(folder)).rejects.toThrow('it is a folder');
  });
});

describe('fileExists', () => {
  it('knows files and folders', async () => {
    expect(await fileExists(folder)).toBe(true);
    expect(await fileExists(join(folder, 'none'))).toBe(false);
  });
});

describe('fileError', () => {
  it.each([
    ['ENOSPC', 'the disk is full'],
    ['EACCES', 'permission denied'],
    ['EROFS', 'read-only'],
    ['ENOENT', 'no such file'],
  ])('says %s in plain words', (errno, words) => {
    const error = fileError(Object.assign(new Error('raw'), { code: errno }), 'write', '/a/b');
    expect(error).toMatchObject({ code: 'E_FILE', details: { path: '/a/b', errno } });
    expect(error.message).toContain(words);
  });

  it('passes a typed error through', () => {
    const error = new NonetError('E_DATA', 'x');
    expect(fileError(error, 'read', 'y')).toBe(error);
  });
});
