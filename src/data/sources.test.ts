import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { FormatOption } from './formats.js';
import { resolveSources } from './sources.js';

const folder = mkdtempSync(join(tmpdir(), 'nonet-sources-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

for (const name of ['b.txt', 'a.txt', 'deep/er/c.txt', 'deep/d.jsonl', '.git/e.txt', 'odd*name', 'empty/.keep']) {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), name);
}
symlinkSync('.', join(folder, 'deep', 'circle'));
symlinkSync('../b.txt', join(folder, 'deep', 'link.txt'));

const names = async (path: string | string[], format?: FormatOption) => {
  const entries = typeof path === 'string' ? [path] : path;
  return (
    await resolveSources(
      entries.map((entry) => join(folder, entry)),
      format,
    )
  ).map(({ name }) => name);
};

describe('resolveSources', () => {
  it('lists a folder with all below it, sorted, without dot files and without following linked folders', async () => {
    expect(await names('.')).toEqual(['a.txt', 'b.txt', 'deep/d.jsonl', 'deep/er/c.txt', 'deep/link.txt', 'odd*name']);
  });

  it('expands patterns', async () => {
    expect(await names('*.txt')).toEqual(['a.txt', 'b.txt']);
    expect(await names('**/?.txt')).toEqual(['a.txt', 'b.txt', 'deep/er/c.txt']);
    expect(await names('.git/*.txt')).toEqual(['e.txt']);
    expect(await names('.g*/*.txt')).toEqual(['.git/e.txt']);
  });

  it('takes a file with a wildcard in its name by that name', async () => {
    expect(await names('odd*name')).toEqual(['odd*name']);
  });

  it('keeps the order of a list and each file once', async () => {
    expect(await names(['b.txt', '*.txt'])).toEqual(['b.txt', 'a.txt']);
  });

  it.each([
    ['x.txt', 'auto', 'bytes', 'none'],
    ['x.JSONL', 'auto', 'jsonl', 'none'],
    ['x.ndjson.gz', 'auto', 'jsonl', 'gzip'],
    ['x.jsonl.zst', 'text', 'bytes', 'zstd'],
    ['x.gz', 'jsonl', 'jsonl', 'gzip'],
    ['x.bin', 'binary', 'bytes', 'none'],
  ] as const)('reads %s with format %s as %s, compression %s', async (name, option, format, compression) => {
    const path = join(folder, 'empty', name);
    writeFileSync(path, '');
    expect(await resolveSources(path, option)).toMatchObject([{ format, compression }]);
    rmSync(path);
  });

  it.each(['nowhere.txt', 'nowhere/*.txt', '*.nothing', 'empty'])('says that %s names no file', async (path) => {
    await expect(names(path)).rejects.toMatchObject({
      code: 'E_FILE',
      message: expect.stringContaining(path.split('/')[0]!),
    });
  });

  it('refuses an empty list', async () => {
    await expect(resolveSources([])).rejects.toMatchObject({ code: 'E_FILE' });
  });
});
