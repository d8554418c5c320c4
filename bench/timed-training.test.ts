import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadAddon } from '../src/compile/native/addon.js';

interface Place {
  readonly folder: string;
  readonly quick?: boolean;
}
interface Split {
  readonly path: string;
  readonly validationPath: string;
}
interface TimedTraining {
  characterBorder: (bytes: Uint8Array, share: number) => number;
  splitText: (text: string, place: Place, options?: { validationBytes?: number }) => Split;
  createTrainings: (planned: readonly number[], options: { quick?: boolean }, say: (text: string) => void) => unknown;
}

// It loads the built engine.
const { reason } = loadAddon();
const module = () => import(new URL('timed-training.mjs', import.meta.url).href) as Promise<TimedTraining>;
const folder = mkdtempSync(join(tmpdir(), 'nonet-timed-training-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(reason)('texts for trainings of the same time', () => {
  it('are cut behind whole characters', async () => {
    const { characterBorder } = await module();
    const bytes = Buffer.from('aéb€c'); // 1, 2, 1, 3, 1 bytes
    const borders = [0, 0.2, 0.4, 0.6, 0.8, 1].map((share) => characterBorder(bytes, share));
    expect(borders).toEqual([0, 1, 3, 4, 7, 8]);
  });

  it('give nine tenths to train on, and of the rest as much as is asked for', async () => {
    const { splitText } = await module();
    const text = join(folder, 'text.txt');
    writeFileSync(text, `${'é'.repeat(90)}0123456789`);
    const read = (path: string) => readFileSync(path, 'utf8');
    const whole = splitText(text, { folder });
    expect(read(whole.path)).toBe('é'.repeat(90));
    expect(read(whole.validationPath)).toBe('0123456789');
    expect(read(splitText(text, { folder }, { validationBytes: 4 }).validationPath)).toBe('0123');
  });

  it('say at the start how long all of it takes', async () => {
    const { createTrainings } = await module();
    const said: string[] = [];
    createTrainings([50, 50, 20], {}, (line) => said.push(line));
    expect(said.join('')).toMatch(/^3 trainings, about 3 min in all; /);
  });
});
