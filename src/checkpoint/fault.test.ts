import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultPoint } from './fault.js';
import { latestCheckpoint, loadCheckpoint } from './load.js';
import { saveCheckpoint } from './save.js';

/** A killed process must be one of its own, which runs the built files. */
const BUILT = new URL('../../dist/checkpoint/save.js', import.meta.url);

const CONTENT = `(step) => ({
  step, config: { seed: 1 }, state: {},
  model: [0, 1].map((i) => ({ name: 'w' + i, dtype: 'F32', shape: [2], data: new Float32Array([step, i]) })),
  optimizer: [],
})`;

let run: string;

beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'nonet-fault-'));
});

afterEach(() => rm(run, { recursive: true }));

/** Saves these steps in another process, which is killed at the point; tells how it ended. */
async function saveAndDie(steps: readonly number[], fault: string): Promise<string | number | null> {
  if (!existsSync(BUILT)) throw new Error('dist/ is not built: run npm run build:ts first');
  const program = `
    import { saveCheckpoint } from ${JSON.stringify(BUILT.href)};
    const content = ${CONTENT};
    for (const step of ${JSON.stringify(steps)}) await saveCheckpoint(${JSON.stringify(run)}, content(step));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: { ...process.env, NONET_FAULT: fault },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return new Promise((resolve) => child.on('close', (code, signal) => resolve(signal ?? code)));
}

const names = async (): Promise<string[]> => (await readdir(join(run, 'checkpoints'))).sort();

/** Steps 10 and 20 are saved; the process dies within the saving of 30. `after` is the step that is found then. */
const POINTS: [point: FaultPoint, after: number][] = [
  ['save:before-write', 20],
  ['save:half-written', 20],
  ['save:after-fsync', 20],
  ['save:after-rename', 20],
  ['save:before-latest', 20],
  ['save:after-latest', 30],
];

describe('a process that is killed while it saves', () => {
  it.each(POINTS)('at %s leaves an intact checkpoint, and the next save clears up', async (point, after) => {
    expect(await saveAndDie([10, 20, 30], `${point}:3`)).toBe('SIGKILL');

    const folder = await latestCheckpoint(run);
    const found = await loadCheckpoint(folder);
    expect(found.step).toBe(after);
    expect(found.model.map(({ data }) => data[0])).toEqual([after, after]);

    await saveCheckpoint(run, { ...found, step: 30 });
    expect(await names()).toEqual(['latest', 'step-20', 'step-30']);
    expect((await loadCheckpoint(await latestCheckpoint(run))).step).toBe(30);
  });

  it('leaves what it was writing under a temporary name', async () => {
    await saveAndDie([10], 'save:half-written');
    expect(await names()).toEqual([expect.stringMatching(/^step-10\.tmp-\d+-[0-9a-f]{8}$/)]);
  });

  it('loses nothing while it replaces a checkpoint of the same step', async () => {
    expect(await saveAndDie([10, 10], 'save:after-rename:2')).toBe('SIGKILL');
    expect((await loadCheckpoint(await latestCheckpoint(run))).step).toBe(10);
  });
});

describe('NONET_FAULT', () => {
  it('counts how often the point is passed', async () => {
    expect(await saveAndDie([10, 20], 'save:after-latest:2')).toBe('SIGKILL');
    expect((await loadCheckpoint(await latestCheckpoint(run))).step).toBe(20);
  });

  it('does nothing at other points', async () => {
    expect(await saveAndDie([10], 'save:elsewhere')).toBe(0);
  });
});
