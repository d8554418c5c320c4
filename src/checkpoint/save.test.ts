import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultPoint } from './fault.js';
import { latestCheckpoint, loadCheckpoint } from './load.js';
import { readSafetensors } from './safetensors.js';
import { type CheckpointContent, saveCheckpoint } from './save.js';

let run: string;

beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'nonet-save-'));
});

afterEach(() => rm(run, { recursive: true, force: true }));

const content = (step: number, value = step): CheckpointContent => ({
  step,
  config: { seed: 1 },
  model: [
    { name: 'w', dtype: 'F32', shape: [2], data: new Float32Array([value, 0.5]) },
    { name: 'b', dtype: 'F32', shape: [1], data: new Float32Array([value]) },
  ],
  optimizer: [{ name: 'w.mean', dtype: 'F32', shape: [2], data: new Float32Array([0, value]) }],
  state: { seed: 1, bytesSeen: step * 100 },
});

const saved = async (): Promise<string[]> => (await readdir(join(run, 'checkpoints'))).sort();
const latest = (): Promise<string> => readFile(join(run, 'checkpoints', 'latest'), 'utf8');

describe('saveCheckpoint', () => {
  it('saves a folder that holds everything, and can be loaded again', async () => {
    const folder = await saveCheckpoint(run, content(0));
    expect(folder).toBe(join(run, 'checkpoints', 'step-0'));
    expect((await readdir(folder)).sort()).toEqual([
      'config.json',
      'manifest.json',
      'model.safetensors',
      'optimizer.safetensors',
      'state.json',
    ]);
    expect(await loadCheckpoint(folder)).toEqual({ ...content(0), state: { seed: 1, bytesSeen: 0, step: 0 } });
  });

  it('marks the weights for the readers of PyTorch', async () => {
    const folder = await saveCheckpoint(run, content(0));
    expect((await readSafetensors(join(folder, 'model.safetensors'))).metadata).toEqual({ format: 'pt' });
  });

  it('writes the same bytes for the same contents', async () => {
    const first = await readFile(join(await saveCheckpoint(run, content(3)), 'manifest.json'), 'utf8');
    const second = await readFile(join(await saveCheckpoint(run, content(3)), 'manifest.json'), 'utf8');
    expect(second).toBe(first);
  });

  it('keeps the two newest and moves latest', async () => {
    for (const step of [0, 10, 9, 100].sort((a, b) => a - b)) await saveCheckpoint(run, content(step));
    expect(await saved()).toEqual(['latest', 'step-10', 'step-100']);
    expect(await latest()).toBe('step-100\n');
  });

  it('keeps as many as asked for, but never one alone', async () => {
    for (const step of [0, 1, 2, 3]) await saveCheckpoint(run, content(step), { keep: 3 });
    expect(await saved()).toEqual(['latest', 'step-1', 'step-2', 'step-3']);
    await expect(saveCheckpoint(run, content(4), { keep: 1 })).rejects.toMatchObject({ code: 'E_CONFIG' });
  });

  it('keeps what is pinned as well, unless it lies in a past that was given up', async () => {
    for (const step of [0, 1, 2, 3]) await saveCheckpoint(run, content(step), { pinned: [1] });
    expect(await saved()).toEqual(['latest', 'step-1', 'step-2', 'step-3']);
    await saveCheckpoint(run, content(2), { pinned: [1, 3] });
    expect(await saved()).toEqual(['latest', 'step-1', 'step-2']);
  });

  it('replaces a checkpoint of the same step', async () => {
    await saveCheckpoint(run, content(5, 1));
    const folder = await saveCheckpoint(run, content(5, 2));
    expect((await loadCheckpoint(folder)).model[1]?.data[0]).toBe(2);
    expect(await saved()).toEqual(['latest', 'step-5']);
  });

  it('removes the checkpoints of a past that was given up by going on from an earlier step', async () => {
    for (const step of [10, 20, 30]) await saveCheckpoint(run, content(step), { keep: 3 });
    await saveCheckpoint(run, content(15));
    expect(await saved()).toEqual(['latest', 'step-10', 'step-15']);
  });

  it('refuses a step that is none', async () => {
    await expect(saveCheckpoint(run, content(1.5))).rejects.toMatchObject({ code: 'E_CHECKPOINT' });
  });

  const BEFORE_RENAME: FaultPoint[] = ['save:before-write', 'save:half-written', 'save:after-fsync'];
  it.each(BEFORE_RENAME)('leaves the earlier checkpoints alone when the disk is full at %s', async (where) => {
    await saveCheckpoint(run, content(1));
    await saveCheckpoint(run, content(2));
    const onFault = (point: FaultPoint) => {
      if (point === where) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    };
    await expect(saveCheckpoint(run, content(3), { onFault })).rejects.toMatchObject({
      code: 'E_FILE',
      message: expect.stringMatching(/step 3 is not saved: .*the disk is full.* Earlier checkpoints are as they were/),
    });
    expect(await saved()).toEqual(['latest', 'step-1', 'step-2']);
    expect(await latestCheckpoint(run)).toBe(join(run, 'checkpoints', 'step-2'));
  });

  it('puts the old checkpoint of the same step back when the new one cannot be completed', async () => {
    await saveCheckpoint(run, content(2, 7));
    const onFault = (point: FaultPoint) => {
      if (point === 'save:after-fsync') throw Object.assign(new Error('io'), { code: 'EIO' });
    };
    await expect(saveCheckpoint(run, content(2, 8), { onFault })).rejects.toMatchObject({ code: 'E_FILE' });
    expect((await loadCheckpoint(await latestCheckpoint(run))).model[1]?.data[0]).toBe(7);
  });

  it('says when the place of the checkpoints is not a folder', async () => {
    await writeFile(join(run, 'checkpoints'), '');
    await expect(saveCheckpoint(run, content(0))).rejects.toMatchObject({ code: 'E_FILE' });
  });

  it.skipIf(process.getuid?.() === 0)('says when the folder is read-only', async () => {
    const parent = join(run, 'checkpoints');
    await mkdir(parent);
    await chmod(parent, 0o555);
    await expect(saveCheckpoint(run, content(0))).rejects.toMatchObject({
      code: 'E_FILE',
      message: expect.stringContaining('permission denied'),
    });
    await chmod(parent, 0o755);
  });
});
