import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockRun } from '../src/checkpoint/index.js';
import { runInMemory } from '../src/cli/test-support.js';
import { checkpointCases } from './bad-inputs/checkpoints.js';
import { commandCases, configCases } from './bad-inputs/commands.js';
import { dataCases } from './bad-inputs/data.js';
import { promptCases } from './bad-inputs/prompts.js';
import { recordCases, tfrecordCases } from './bad-inputs/records.js';
import { olmaxCases, settingCases } from './bad-inputs/settings.js';
import { sweepCases } from './bad-inputs/sweeps.js';
import { type BadInput, buildWorld, snapshot } from './bad-inputs/world.js';

const home = process.cwd();
const main = resolve('dist/bundle/nonet.js');
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nonet-bad-'));
  await buildWorld(folder);
});
afterAll(async () => {
  process.chdir(home);
  await rm(folder, { recursive: true });
});

const exitCode = (code: BadInput['code']): number => (code === 'E_USAGE' || code === 'E_CONFIG' ? 2 : 1);

/** The error that the last line on standard error holds. */
const errorIn = (err: string): { code: string; message: string } =>
  JSON.parse(err.trimEnd().split('\n').at(-1) ?? '').error;

const groups: Readonly<Record<string, readonly BadInput[]>> = {
  'a wrong command line': commandCases,
  'a wrong configuration': configCases,
  'data and runs that cannot be': dataCases,
  'damaged checkpoints and runs': checkpointCases,
  'a wrong prompt': promptCases,
  'a wrong sweep': sweepCases,
  'wrong records': recordCases,
  'records written wrongly': tfrecordCases,
  'settings that cannot be': settingCases,
  'a wrong configuration of Olmax': olmaxCases,
};

describe.each(Object.entries(groups))('%s', (_, cases) => {
  it.each(cases.map((bad) => [bad.name, bad] as const))(
    '%s ends with its error and leaves all runs as they were',
    async (_name, bad) => {
      await rm(join('runs', 'new'), { recursive: true, force: true });
      await bad.arrange?.();
      const before = await snapshot('runs');
      const { code, out, err } = await runInMemory(bad.argv);
      const error = errorIn(err);
      expect(error).toEqual({ code: bad.code, message: expect.stringMatching(bad.says) });
      expect(code).toBe(exitCode(bad.code));
      expect(out).toBe('');
      expect(err).not.toMatch(/^ {4}at /m);
      const after = await snapshot('runs');
      const others = [...after].filter(([path]) => !path.startsWith(join('runs', 'new')));
      expect(new Map(others)).toEqual(before);
    },
  );
});

it('tries at least 40 of them', () => {
  expect(Object.values(groups).flat().length).toBeGreaterThanOrEqual(40);
});

it('refuses a run that is being trained and leaves its lock alone', async () => {
  const lock = await lockRun(join('runs', 'good'));
  try {
    const before = await snapshot('runs');
    const { code, err } = await runInMemory(['train', '--resume', 'good', '--json']);
    expect([code, errorIn(err)]).toEqual([1, { code: 'E_RUN', message: expect.stringContaining(String(process.pid)) }]);
    expect(await snapshot('runs')).toEqual(before);
  } finally {
    await lock.release();
  }
});

it('goes on with the checkpoint before a damaged one, and says so', async () => {
  const { copyRun, edit, flipped } = await import('./bad-inputs/world.js');
  const copy = await copyRun('damaged');
  await edit(join(copy, 'checkpoints', 'step-2', 'model.safetensors'), flipped);
  const { code, err } = await runInMemory(['generate', 'damaged', '--bytes', '4']);
  expect(code).toBe(0);
  expect(err).toMatch(/warning: passed over: .*step-2/);
});

/** As a user meets it: a process of its own, built code, messages for people. */
describe('the program itself', () => {
  const nonet = (...argv: string[]) =>
    new Promise<{ code: number | null; out: string; err: string }>((done) => {
      const child = execFile(process.execPath, [main, ...argv], (_, out, err) =>
        done({ code: child.exitCode, out, err }),
      );
    });

  it.each([
    [2, /^error: unknown command 'trian' \(Did you mean train\?\)\. See "nonet --help"\.\n$/, ['trian']],
    [
      2,
      /^error: recipe\.yaml has a problem: train\.stepz: unknown key; did you mean train\.steps\?\n$/,
      ['train', 'recipe.yaml', 'train.stepz=2'],
    ],
    [1, /^error: there is no run goof: did you mean good\?\n$/, ['generate', 'goof']],
    [1, /^error: cannot read .*none\.yaml: .*\n$/, ['plan', 'none.yaml']],
    [2, /^error: .*Expected a number from 0 on.*\n$/, ['generate', 'good', '--temperature', '-1']],
  ] as const)('ends with %i and one line', async (code, line, argv) => {
    const before = await snapshot('runs');
    expect(await nonet(...argv)).toEqual({ code, out: '', err: expect.stringMatching(line) });
    expect(await snapshot('runs')).toEqual(before);
  });

  it('is quiet when its reader leaves', async () => {
    const child = execFile(process.execPath, [main, 'config', '--keys']);
    child.stdout?.destroy();
    let err = '';
    child.stderr?.on('data', (text: string) => {
      err += text;
    });
    expect(await new Promise((done) => child.on('close', done))).toBe(0);
    expect(err).toBe('');
  });
});
