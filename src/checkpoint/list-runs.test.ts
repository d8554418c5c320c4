import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { listRuns } from './list-runs.js';
import { lockRun } from './lock.js';
import { createRun, writeRunConfig } from './run-folder.js';
import { saveCheckpoint } from './save.js';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'nonet-list-'));
});

afterEach(() => rm(root, { recursive: true }));

it('tells step, checkpoints and last metrics of every run, the one updated last first', async () => {
  for (const [name, step, hour] of [
    ['old', 10, 1],
    ['new', 25, 2],
  ] as const) {
    const run = await createRun(root, name);
    await saveCheckpoint(run.path, { step: 10, config: {}, model: [], optimizer: [], state: {} });
    await writeFile(run.metricsPath, `{"step":5,"validation":2.5}\n{"step":${step},"loss":0.4}\n{"ste`);
    const time = new Date(2024, 0, 1, hour);
    await utimes(run.metricsPath, time, time);
  }
  const runs = await listRuns(root);
  expect(
    runs.map(({ name, step, checkpoints, metrics, updated }) => [name, step, checkpoints, metrics, updated]),
  ).toEqual([
    ['new', 25, [10], { step: 25, validation: 2.5, loss: 0.4 }, new Date(2024, 0, 1, 2)],
    ['old', 10, [10], { step: 10, validation: 2.5, loss: 0.4 }, new Date(2024, 0, 1, 1)],
  ]);
});

it('lists a run that has measured nothing yet, and who trains it', async () => {
  const run = await createRun(root, 'fresh');
  await writeRunConfig(run, {});
  const lock = await lockRun(run.path);
  expect(await listRuns(root)).toMatchObject([{ step: undefined, metrics: {}, holder: { pid: process.pid } }]);
  await lock.release();
});

it('passes over files and other folders, and a root that is not there', async () => {
  await writeFile(join(root, 'notes.txt'), '');
  expect(await listRuns(root)).toEqual([]);
  expect(await listRuns(join(root, 'none'))).toEqual([]);
});
