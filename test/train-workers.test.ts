import { readFileSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { batchersOfSeeds, memoryStore, prepareData } from '../src/data/index.js';
import { type BatchPlace, prefetchedBatches } from '../src/train/batch-source.js';
import { train } from '../src/train/trainer.js';
import { isBuilt, lastStep, nonet, outcome, smallRunFolder } from './small-run.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, checkpointOf, metricsOf, expectSameInParts } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

const model = { layers: 1, contextLength: 16 };
const data = { validationShare: 0.02 };
const compression = { start: 0.6, end: 0.6, steps: 0, direct: 0.5 };

/** Worker threads that this process still has. */
const workersAlive = (): number =>
  process.getActiveResourcesInfo().filter((name) => /^(Worker|MessagePort)$/.test(name)).length;

describe.skipIf(!isBuilt)('data.workers', () => {
  const untimed = (rows: readonly object[]) =>
    rows.map((row) => ({ ...row, seconds: 0, dataWaitSeconds: 0, speed: 0 }));

  it.each<[string, object]>([
    ['windows at random', { steps: 12, compression }],
    ['epochs in groups', { epochs: 1, batchSize: 150, accumulation: 3, extraSteps: 1, compression }],
    ['a run that goes back', { steps: 12, spike: 'rewind', spikeFactor: 1.001, learningRate: 0.3, checkpointEvery: 4 }],
  ])('change no bit, however many: %s', async (title, keys) => {
    const before = workersAlive();
    const change = { warmupSteps: 2, ...keys };
    const results = [];
    for (const workers of [0, 1, 2]) {
      const name = `${title} ${workers}`;
      await train(configOf({ name, model, data: { ...data, workers }, train: change }));
      const { model: weights, optimizer } = await checkpointOf(name);
      results.push({ weights, optimizer, rows: untimed(await metricsOf(name)) });
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    expect(workersAlive()).toBe(before);
  });

  it('resume to the same end', async () => {
    const change = { steps: 12, evaluateEvery: 3, evaluateBytes: 200, accumulation: 2, compression };
    await expectSameInParts({ name: 'parts', model, data: { ...data, workers: 2 }, train: change }, [3, 6]);
  });

  it('end with the command at Ctrl-C, and the run goes on with another number of them', async () => {
    const folder = smallRunFolder();
    try {
      const run = (name: string) => join(folder, 'runs', name);
      const settings = [join(folder, 'recipe.json'), 'train.evaluateBytes=256'];
      const whole = nonet(['train', ...settings, 'run.name=whole'], { NONET_THREADS: '1' });
      const broken = await nonet(
        ['train', ...settings, 'run.name=broken', 'data.workers=2'],
        { NONET_THREADS: '1' },
        (child) => {
          const timer = setInterval(() => {
            if (lastStep(run('broken')) < 3) return;
            clearInterval(timer); // a second signal would end it at once
            child.kill('SIGINT');
          }, 2);
          child.on('close', () => clearInterval(timer));
        },
      );
      expect(broken.signal).toBeNull();
      const resumed = await nonet(['train', '--resume', 'broken', '--root', join(folder, 'runs'), 'data.workers=1'], {
        NONET_THREADS: '1',
      });
      expect(resumed, resumed.errors).toMatchObject({ code: 0 });
      expect(await whole).toMatchObject({ code: 0 });
      expect(outcome(run('broken'))).toEqual(outcome(run('whole')));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe.skipIf(!isBuilt)('prefetchedBatches', () => {
  const bytes = Uint8Array.from({ length: 3000 }, (_, i) => (i * i) % 251);
  const layout = { bitsPerPatch: 8, parity: false, contextLength: 10, batchSize: 2 };
  const options = { ...layout, accumulation: 2, extraSteps: 0, compression };
  const prepared = async () => {
    const { path } = configOf({ name: 'any' }).data;
    return prepareData({ path }, join(root, '.prepared'));
  };
  const batcherOf = batchersOfSeeds(memoryStore(bytes), options);

  it('follows a run that goes back or takes another seed', async () => {
    const { folder, meta } = await prepared();
    const store = memoryStore(new Uint8Array(readFileSync(join(folder, 'data.bin'))));
    const own = batchersOfSeeds(
      { length: meta.trainBytes, read: (offset, length) => store.read(offset, length) },
      options,
    );
    const source = prefetchedBatches(own, 2, { folder, options });
    const places: BatchPlace[] = [0, 1, 2, 0, 1, 7].flatMap((step, i) =>
      [0, 1].map((microBatch) => ({ seed: i < 4 ? 1 : 2, step, microBatch })),
    );
    try {
      for (const place of places) {
        expect(await source.batch(place)).toEqual(own(place.seed).batch(place.step, place.microBatch));
      }
    } finally {
      await source.close();
    }
  });

  it('tells what failed in a worker, once for all that wait, and closes all the same', async () => {
    const gone = prefetchedBatches(batcherOf, 2, { folder: join(root, 'nowhere'), options });
    const error = { code: 'E_DATA', message: expect.stringMatching(/worker that makes batches failed: .*nowhere/) };
    await expect(gone.batch({ seed: 1, step: 0, microBatch: 0 })).rejects.toMatchObject(error);
    await expect(gone.batch({ seed: 1, step: 0, microBatch: 1 })).rejects.toMatchObject({ code: 'E_DATA' });
    await gone.close();
  });

  it('passes on what a batch was refused for', async () => {
    const { folder } = await prepared();
    const source = prefetchedBatches(batcherOf, 1, { folder, options: { ...options, contextLength: 1e8 } });
    const refused = { code: 'E_DATA', message: expect.stringMatching(/shorter than one window/) };
    await expect(source.batch({ seed: 1, step: 0, microBatch: 0 })).rejects.toMatchObject(refused);
    await source.close();
  });

  it('refuses what is asked after it was closed', async () => {
    const { folder } = await prepared();
    const source = prefetchedBatches(batcherOf, 1, { folder, options });
    const waiting = source.batch({ seed: 1, step: 0, microBatch: 0 });
    await source.close();
    await Promise.resolve(waiting).catch(() => {});
    await expect(source.batch({ seed: 1, step: 5, microBatch: 0 })).rejects.toMatchObject({ code: 'E_DATA' });
  });
});
