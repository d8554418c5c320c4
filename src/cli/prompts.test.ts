import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readPrompts } from './prompts.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nonet-prompts-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('reads prompts of all kinds in the order given', async () => {
  const path = join(folder, 'prompt.bin');
  await writeFile(path, Uint8Array.of(0, 255));
  const prompts = await readPrompts([
    { kind: 'text', text: 'é' },
    { kind: 'file', path },
    { kind: 'hex', digits: '0aff' },
  ]);
  expect(prompts.map((bytes) => [...bytes])).toEqual([
    [0xc3, 0xa9],
    [0, 255],
    [0x0a, 0xff],
  ]);
});

it('reads standard input for -', async () => {
  async function* stdin() {
    yield Uint8Array.of(1);
    yield Uint8Array.of(2, 3);
  }
  expect([...(await readPrompts([{ kind: 'file', path: '-' }], stdin()))[0]!]).toEqual([1, 2, 3]);
});

it('names a file that is missing', async () => {
  const reading = readPrompts([{ kind: 'file', path: join(folder, 'none') }]);
  await expect(reading).rejects.toMatchObject({ code: 'E_FILE', message: expect.stringContaining('none') });
});
