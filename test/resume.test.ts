import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FaultPoint } from '../src/checkpoint/fault.js';
import { drawBy } from './engine-support.js';
import { type Ended, isBuilt, lastStep, nonet, outcome, smallRunFolder } from './small-run.js';

const points: readonly FaultPoint[] = [
  'save:before-write',
  'save:half-written',
  'save:after-fsync',
  'save:after-rename',
  'save:before-latest',
  'save:after-latest',
];

/** How a process of a run is brought to its end. */
interface Kill {
  readonly env?: Record<string, string>;
  /** Steps after the last one in the metrics, and milliseconds after that one is there. */
  readonly after?: { readonly steps: number; readonly milliseconds: number };
}

// Dozens of processes, one after the other: a busy machine takes minutes for them.
describe.skipIf(!isBuilt)('a run that is killed again and again', { timeout: 900_000 }, () => {
  let folder: string;
  let whole: ReturnType<typeof outcome>;
  const runOf = (name: string): string => join(folder, 'runs', name);
  const begin = (name: string): string[] => [
    'train',
    join(folder, 'recipe.json'),
    `run.name=${name}`,
    'threads=1',
    '--plain',
  ];

  beforeAll(async () => {
    folder = smallRunFolder();
    expect(await nonet(begin('whole'))).toMatchObject({ code: 0 });
    whole = outcome(runOf('whole'));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Kills process after process of one run, then lets it finish. Returns how many were killed. */
  const interrupt = async (name: string, kills: readonly Kill[]): Promise<number> => {
    let killed = 0;
    let args = begin(name);
    const go = (kill: Kill): Promise<Ended> => {
      const start = lastStep(runOf(name));
      return nonet(args, kill.env, (child) => {
        if (!kill.after) return;
        const { steps, milliseconds } = kill.after;
        // A resumed run first takes back the rows behind its checkpoint.
        const from = start - (start % 5);
        const timer = setInterval(() => {
          if (lastStep(runOf(name)) < from + steps) return;
          clearInterval(timer);
          setTimeout(() => child.kill('SIGKILL'), milliseconds);
        }, 1);
        child.on('close', () => clearInterval(timer));
      });
    };
    for (const kill of kills) {
      const { code, signal, errors } = await go(kill);
      expect([signal, code], errors).toContain(signal === null ? 0 : 'SIGKILL');
      if (signal === 'SIGKILL') killed++;
      args = ['train', '--resume', runOf(name), '--plain'];
    }
    expect(await go({})).toMatchObject({ code: 0 });
    return killed;
  };

  const expectWhole = (name: string): void => {
    const { model, optimizer, metrics } = outcome(runOf(name));
    expect(metrics).toBe(whole.metrics);
    expect(model.equals(whole.model)).toBe(true);
    expect(optimizer.equals(whole.optimizer)).toBe(true);
    const left = readdirSync(join(runOf(name), 'checkpoints'));
    expect(left.sort()).toEqual(['latest', 'step-35', 'step-40']);
  };

  it.concurrent('at every point inside of saving ends with the same bytes', async () => {
    // The first save is that of step 0: before it is done the run begins anew.
    const kills = points.map((point) => ({ env: { NONET_FAULT: `${point}:1` } }));
    expect(await interrupt('first-saves', kills)).toBe(6);
    expectWhole('first-saves');
  });

  it.concurrent('inside of later saves ends with the same bytes', async () => {
    const kills = [...points].reverse().map((point) => ({ env: { NONET_FAULT: `${point}:2` } }));
    expect(await interrupt('second-saves', kills)).toBe(6);
    expectWhole('second-saves');
  });

  it.concurrent('at random moments ends with the same bytes', async () => {
    const draw = drawBy(11);
    // A busy machine may let a run end before its killer wakes up: then there is a next run.
    let killed = 0;
    for (let run = 0; killed < 8; run++) {
      const kills = Array.from({ length: 10 }, () => ({ after: { steps: draw(1, 6), milliseconds: draw(0, 4) } }));
      killed += await interrupt(`random-moments-${run}`, kills);
      expectWhole(`random-moments-${run}`);
    }
  });
});
