import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeLeftovers } from './leftovers.js';

let folder: string;
/** Beyond the highest number that a process can have. */
const DEAD = 2 ** 30;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nonet-leftovers-'));
});

afterEach(() => rm(folder, { recursive: true }));

const put = (...names: string[]): Promise<unknown> =>
  Promise.all(names.map((name) => mkdir(join(folder, name), { recursive: true })));
const names = async (): Promise<string[]> => (await readdir(folder)).sort();

it('removes folders and files of processes that have ended', async () => {
  await put(`step-3.tmp-${DEAD}-0123abcd`, 'step-2');
  await writeFile(join(folder, `latest.tmp-${DEAD}-0123abcd`), '');
  await removeLeftovers(folder);
  expect(await names()).toEqual(['step-2']);
});

it('removes those of an earlier process with the number of this one', async () => {
  await put(`step-3.tmp-${process.pid}-0123abcd`);
  await removeLeftovers(folder);
  expect(await names()).toEqual([]);
});

it('never touches what another live process writes', async () => {
  const name = `step-3.tmp-${process.ppid}-0123abcd`;
  await put(name);
  await removeLeftovers(folder);
  expect(await names()).toEqual([name]);
});

it('never touches names that only look alike', async () => {
  await put('step-3.tmp', 'notes.tmp-1', 'step-3.tmp-1-xyz');
  await removeLeftovers(folder);
  expect(await names()).toEqual(['notes.tmp-1', 'step-3.tmp', 'step-3.tmp-1-xyz']);
});

it('moves a checkpoint back whose replacement did not arrive', async () => {
  await put(`step-3.old-${DEAD}-0123abcd`);
  await removeLeftovers(folder);
  expect(await names()).toEqual(['step-3']);
});

it('removes a checkpoint whose replacement did arrive', async () => {
  await put(`step-3.old-${DEAD}-0123abcd`, 'step-3/new');
  await removeLeftovers(folder);
  expect(await names()).toEqual(['step-3']);
  expect(await readdir(join(folder, 'step-3'))).toEqual(['new']);
});

it('is content with a folder that does not exist', async () => {
  await expect(removeLeftovers(join(folder, 'none'))).resolves.toBeUndefined();
});
