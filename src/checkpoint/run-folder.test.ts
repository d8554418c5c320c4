import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createRun,
  findCheckpoint,
  isUntouched,
  openRun,
  readRunConfig,
  runNames,
  writeRunConfig,
} from './run-folder.js';
import { saveCheckpoint } from './save.js';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'nonet-runs-'));
});

afterEach(() => rm(root, { recursive: true }));

const save = (path: string): Promise<string> =>
  saveCheckpoint(path, { step: 7, config: {}, model: [], optimizer: [], state: {} });

describe('createRun', () => {
  it('creates the folder of a new run, and those above it', async () => {
    const run = await createRun(join(root, 'deep', 'runs'), 'first');
    expect(run).toEqual({
      name: 'first',
      path: join(root, 'deep', 'runs', 'first'),
      configPath: join(root, 'deep', 'runs', 'first', 'config.json'),
      metricsPath: join(root, 'deep', 'runs', 'first', 'metrics.jsonl'),
    });
    expect(await readdir(run.path)).toEqual([]);
  });

  it('takes a folder that exists and is empty', async () => {
    await mkdir(join(root, 'empty'));
    await expect(createRun(root, 'empty')).resolves.toMatchObject({ name: 'empty' });
  });

  it('never touches an existing run, and says how to go on with it', async () => {
    const run = await createRun(root, 'first');
    await save(run.path);
    await expect(createRun(root, 'first')).rejects.toMatchObject({
      code: 'E_RUN',
      message: expect.stringMatching(/already exists: .*--resume first.* or choose another run.name/),
    });
    expect(await readdir(run.path)).toEqual(['checkpoints']);
  });

  it('takes a folder in which a killed process left its lock and nothing else', async () => {
    await mkdir(join(root, 'first'));
    await writeFile(join(root, 'first', 'lock'), '');
    await expect(createRun(root, 'first')).resolves.toMatchObject({ name: 'first' });
  });

  it('offers to go on with a run that has only its configuration', async () => {
    const run = await createRun(root, 'first');
    await writeRunConfig(run, {});
    await expect(createRun(root, 'first')).rejects.toMatchObject({
      message: expect.stringContaining('--resume first'),
    });
  });

  it('does not offer to go on where there is no checkpoint', async () => {
    await mkdir(join(root, 'first'));
    await writeFile(join(root, 'first', 'notes.txt'), 'mine');
    await expect(createRun(root, 'first')).rejects.toMatchObject({
      code: 'E_RUN',
      message: expect.stringContaining('no checkpoint to go on from'),
    });
    expect(await readFile(join(root, 'first', 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('opens an existing run to resume it', async () => {
    const run = await createRun(root, 'first');
    await writeRunConfig(run, {});
    expect(await createRun(root, 'first', { resume: true })).toEqual(run);
    await expect(createRun(root, 'second', { resume: true })).rejects.toMatchObject({ code: 'E_RUN' });
  });

  it.each(['', ' ', '.', '..', '../x', 'a/b', 'a\\b', '.hidden', 'end.', 'a\0b', 'a\nb', 'what?', 'x'.repeat(101)])(
    'refuses the name %j',
    async (name) => {
      await expect(createRun(root, name)).rejects.toMatchObject({
        code: 'E_RUN',
        message: expect.stringContaining('cannot name a run'),
      });
      expect(await readdir(root)).toEqual([]);
    },
  );

  it('says when the folder cannot be created', async () => {
    await writeFile(join(root, 'file'), '');
    await expect(createRun(join(root, 'file'), 'first')).rejects.toMatchObject({ code: 'E_FILE' });
  });
});

describe('isUntouched', () => {
  it('holds until something was measured or saved', async () => {
    const run = await createRun(root, 'first');
    expect(await isUntouched(run)).toBe(false);
    await writeRunConfig(run, {});
    await writeFile(run.metricsPath, '');
    expect(await isUntouched(run)).toBe(true);
    await writeFile(run.metricsPath, '{"step":1}\n');
    expect(await isUntouched(run)).toBe(false);
    await writeFile(run.metricsPath, '');
    await save(run.path);
    expect(await isUntouched(run)).toBe(false);
  });
});

describe('openRun', () => {
  it('finds a run by its name and by its folder', async () => {
    const run = await createRun(root, 'first');
    await writeRunConfig(run, { seed: 3 });
    expect(await openRun('first', root)).toEqual(run);
    expect(await openRun(run.path, '/nowhere')).toEqual(run);
    expect((await openRun(`${run.path}/`)).name).toBe('first');
  });

  it('suggests the nearest name', async () => {
    await writeRunConfig(await createRun(root, 'shakespeare'), {});
    await expect(openRun('shakespear', root)).rejects.toMatchObject({
      code: 'E_RUN',
      message: expect.stringContaining('did you mean shakespeare?'),
    });
    await expect(openRun('moby', root)).rejects.toThrow(/there are shakespeare/);
    await expect(openRun('moby', join(root, 'none'))).rejects.toThrow(/holds no runs/);
    for (let i = 10; i < 22; i++) await writeRunConfig(await createRun(root, `trial ${i}`), {});
    await expect(openRun('moby', root)).rejects.toThrow(
      /there are shakespeare, trial 10, .* trial 18 ... and 3 more\.$/,
    );
  });

  it('does not take just any folder for a run', async () => {
    await mkdir(join(root, 'other'));
    await expect(openRun('other', root)).rejects.toMatchObject({ code: 'E_RUN' });
    expect(await runNames(root)).toEqual([]);
  });
});

describe('findCheckpoint', () => {
  it('takes a name, a run and a checkpoint', async () => {
    const run = await createRun(root, 'first');
    const checkpoint = await save(run.path);
    expect(await findCheckpoint('first', { root })).toBe(checkpoint);
    expect(await findCheckpoint(run.path)).toBe(checkpoint);
    expect(await findCheckpoint(checkpoint)).toBe(checkpoint);
  });

  it('says when a run has none', async () => {
    await writeRunConfig(await createRun(root, 'first'), {});
    await expect(findCheckpoint('first', { root })).rejects.toMatchObject({ code: 'E_CHECKPOINT' });
  });
});

describe('the best checkpoint of a run', () => {
  const saveStep = (path: string, step: number, best?: number) =>
    saveCheckpoint(path, { step, config: {}, model: [], optimizer: [], state: best === undefined ? {} : { best } });

  it('is what the latest one says it is', async () => {
    const run = await createRun(root, 'first');
    const first = await saveStep(run.path, 1, 1);
    expect(await findCheckpoint('first@best', { root })).toBe(first);
    const second = await saveStep(run.path, 2, 2);
    expect(await findCheckpoint(`${run.path}@best`)).toBe(second);
    await saveStep(run.path, 3, 2);
    expect(await findCheckpoint('first@best', { root })).toBe(second);
    await truncate(join(second, 'model.safetensors'), 1);
    await expect(findCheckpoint('first@best', { root })).rejects.toMatchObject({ code: 'E_CHECKPOINT' });
  });

  it('is missed in words where there is none', async () => {
    const run = await createRun(root, 'first');
    await saveStep(run.path, 1);
    const missing = {
      code: 'E_CHECKPOINT',
      message: expect.stringMatching(/knows no best checkpoint: .*train.keepBest/),
    };
    await expect(findCheckpoint('first@best', { root })).rejects.toMatchObject(missing);
    await saveStep(run.path, 9, 4);
    await expect(findCheckpoint('first@best', { root })).rejects.toThrow(/keeps no checkpoint of step 4, its best/);
    await expect(findCheckpoint('frist@best', { root })).rejects.toThrow(/there is no run frist: did you mean first/);
  });

  it('does not go with the step of another one', async () => {
    const first = await saveStep((await createRun(root, 'first')).path, 1, 1);
    expect(await findCheckpoint('first', { root, step: 1 })).toBe(first);
    await expect(findCheckpoint('first@best', { root, step: 3 })).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringMatching(/^first@best is the best .*--checkpoint .*step 3: the two do not go together/),
    });
  });

  it('is not looked for where a run has such a name itself', async () => {
    const run = await createRun(root, 'first@best');
    const folder = await saveStep(run.path, 1);
    expect(await findCheckpoint('first@best', { root })).toBe(folder);
  });
});

describe('the configuration of a run', () => {
  it('is given back as it was stored', async () => {
    const run = await createRun(root, 'first');
    await writeRunConfig(run, { model: { layers: 4 } });
    expect(await readRunConfig(run)).toEqual({ model: { layers: 4 } });
  });

  it('is refused where it is no object', async () => {
    const run = await createRun(root, 'first');
    await writeFile(run.configPath, '[1]');
    await expect(readRunConfig(run)).rejects.toMatchObject({ code: 'E_DATA' });
  });
});
