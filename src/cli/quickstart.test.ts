import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { corpusPath, corpusSuffix } from './corpus.js';
import { runInMemory, tinySettings } from './test-support.js';

const home = process.cwd();
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nonet-quickstart-'));
  process.chdir(folder);
  // A recipe that takes no time; the real one is a minute long.
  await writeFile('fast.yaml', 'data:\n  path: replaced.txt\n');
});
afterAll(async () => {
  process.chdir(home);
  await rm(folder, { recursive: true });
});

const fast = ['quickstart', '--recipe', 'fast.yaml', ...tinySettings, 'model.contextLength=64'];

describe('corpusPath', () => {
  it('finds the whole book, and by a path that tells it from other data', () => {
    expect(corpusPath().endsWith(corpusSuffix)).toBe(true);
    expect(existsSync(corpusPath())).toBe(true);
  });
});

describe('quickstart', () => {
  it('trains on the book, reports and writes its summary with exactly the promised keys', async () => {
    const { code, out, err } = await runInMemory(fast);
    expect(code, err).toBe(0);
    expect(out).toMatch(/this model .* bits per byte/);
    const summary = JSON.parse(await readFile('runs/quickstart/summary.json', 'utf8'));
    expect(Object.keys(summary)).toEqual([
      'validation',
      'compressors',
      'seconds',
      'bytesPerSecond',
      'gflops',
      'peakShare',
      'parameters',
      'sample',
    ]);
    expect(Object.keys(summary.validation)).toEqual(['bitsPerByte', 'bytes', 'context']);
    expect(Object.keys(summary.compressors)).toEqual(['gzip', 'bzip2', 'xz', 'zstd']);
    expect(summary.sample).toMatch(/^The /);
  });

  it('replaces the run of an earlier quickstart, an interrupted one too', async () => {
    await rm('runs/quickstart/summary.json');
    expect(await runInMemory(fast)).toMatchObject({ code: 0 });
    expect(existsSync('runs/quickstart/summary.json')).toBe(true);
  });

  it('never removes a run that it did not make', async () => {
    await writeFile('mine.txt', 'Some text of my own, written by myself.\n'.repeat(50));
    const own = ['train', 'fast.yaml', 'data.path=mine.txt', 'run.name=mine', ...tinySettings];
    expect(await runInMemory(own)).toMatchObject({ code: 0 });
    const outcome = await runInMemory([...fast, 'run.name=mine']);
    expect(outcome).toMatchObject({ code: 1, err: expect.stringContaining('not made by the quickstart') });
    expect(existsSync('runs/mine/checkpoints/step-2')).toBe(true);
  });
});
