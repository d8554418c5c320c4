import { cp, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NonetError } from '../core/errors.js';
import { latestCheckpoint, loadCheckpoint } from './load.js';
import { CHECKPOINT_FILES } from './manifest.js';
import { saveCheckpoint } from './save.js';

let run: string;
let folder: (step: number) => string;
let warnings: string[];
const warn = (message: string): void => {
  warnings.push(message);
};

beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'nonet-load-'));
  folder = (step) => join(run, 'checkpoints', `step-${step}`);
  warnings = [];
  for (const step of [1, 2, 3]) {
    const weights = new Float32Array([step, -step]);
    await saveCheckpoint(
      run,
      {
        step,
        config: { seed: 1 },
        model: [{ name: 'w', dtype: 'F32', shape: [2], data: weights }],
        optimizer: [{ name: 'w.mean', dtype: 'F32', shape: [2], data: weights }],
        state: {},
      },
      { keep: 3 },
    );
  }
});

afterEach(() => rm(run, { recursive: true }));

async function flipBit(path: string, bit: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  await writeFile(path, bytes);
}

describe('latestCheckpoint', () => {
  it('is the one that latest names, in silence', async () => {
    expect(await latestCheckpoint(run, { warn })).toBe(folder(3));
    expect(warnings).toEqual([]);
  });

  it.each([...CHECKPOINT_FILES, 'manifest.json'])('passes over a checkpoint whose %s is truncated', async (name) => {
    await truncate(join(folder(3), name), 7);
    expect(await latestCheckpoint(run, { warn })).toBe(folder(2));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(folder(3));
    expect(warnings[0]).toContain(name);
  });

  it.each([...CHECKPOINT_FILES, 'manifest.json'])('passes over a checkpoint without %s', async (name) => {
    await rm(join(folder(3), name));
    expect(await latestCheckpoint(run, { warn })).toBe(folder(2));
    expect(warnings[0]).toContain(name);
  });

  it('passes over two damaged ones, newest first', async () => {
    await rm(join(folder(3), 'state.json'));
    await rm(join(folder(2), 'state.json'));
    expect(await latestCheckpoint(run, { warn })).toBe(folder(1));
    expect(warnings.map((text) => /step-\d/.exec(text)?.[0])).toEqual(['step-3', 'step-2']);
  });

  it.each([
    ['missing', undefined, /latest is missing/],
    ['empty', '', /latest names no checkpoint/],
    ['about a folder that is gone', 'step-9\n', /latest names no checkpoint \("step-9"\)/],
    ['a path out of the run', '../../etc\n', /latest names no checkpoint/],
  ])('takes the newest when latest is %s', async (_, text, message) => {
    const path = join(run, 'checkpoints', 'latest');
    if (text === undefined) await rm(path);
    else await writeFile(path, text);
    expect(await latestCheckpoint(run, { warn })).toBe(folder(3));
    expect(warnings[0]).toMatch(message);
  });

  it('trusts latest over a newer folder that was completed but not reached by it', async () => {
    await writeFile(join(run, 'checkpoints', 'latest'), 'step-2\n');
    expect(await latestCheckpoint(run, { warn })).toBe(folder(2));
  });

  it('never takes a folder that was not renamed yet', async () => {
    await rename(folder(3), `${folder(3)}.tmp-1-00000000`);
    expect(await latestCheckpoint(run, { warn })).toBe(folder(2));
  });

  it('tells what is wrong with each when none is intact', async () => {
    for (const step of [1, 2, 3]) await rm(join(folder(step), 'model.safetensors'));
    const error: unknown = await latestCheckpoint(run).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NonetError);
    expect(error).toMatchObject({ code: 'E_CHECKPOINT' });
    for (const step of [1, 2, 3]) expect(String(error)).toContain(folder(step));
  });

  it('says when a run has no checkpoint', async () => {
    await rm(join(run, 'checkpoints'), { recursive: true });
    await expect(latestCheckpoint(run)).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringContaining('holds no checkpoint'),
    });
  });
});

describe('loadCheckpoint', () => {
  it('loads a copy outside of any run', async () => {
    const copy = join(run, 'copy');
    await cp(folder(2), copy, { recursive: true });
    const { step, config, model, optimizer } = await loadCheckpoint(copy);
    expect({ step, config }).toEqual({ step: 2, config: { seed: 1 } });
    expect(model[0]?.data).toEqual(new Float32Array([2, -2]));
    expect(optimizer[0]?.name).toBe('w.mean');
  });

  it('leaves the optimizer out where it is not wanted', async () => {
    expect((await loadCheckpoint(folder(2), { optimizer: false })).optimizer).toEqual([]);
  });

  it('notices a single flipped bit in any file', async () => {
    for (const name of await readdir(folder(3))) {
      const path = join(folder(3), name);
      const bits = (await readFile(path)).length * 8;
      // Samples that reach every bit position; closer in the manifest, which no hash answers for.
      const stride = name === 'manifest.json' ? 7 : 37;
      for (let bit = 0; bit < bits; bit += stride) {
        await flipBit(path, bit);
        await expect(loadCheckpoint(folder(3)), `${name}, bit ${bit}`).rejects.toMatchObject({ code: 'E_CHECKPOINT' });
        await flipBit(path, bit);
      }
    }
    await expect(loadCheckpoint(folder(3))).resolves.toMatchObject({ step: 3 });
  });

  it('tells another format version from damage', async () => {
    const path = join(folder(3), 'manifest.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"formatVersion": 1', '"formatVersion": 2'));
    await expect(loadCheckpoint(folder(3))).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringMatching(/has format version 2, this nonet reads version 1/),
    });
  });

  it('says when there is no such folder', async () => {
    await expect(loadCheckpoint(folder(9))).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringContaining('there is no checkpoint'),
    });
  });
});
