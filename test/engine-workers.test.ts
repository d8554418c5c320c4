import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { native } from './engine-support.js';
import { isBuilt } from './small-run.js';

const start = (steps: number, threads: number): Worker =>
  new Worker(new URL('./fixtures/worker.mjs', import.meta.url), { workerData: { steps, threads } });

const result = (worker: Worker): Promise<Float32Array> =>
  new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });

const ended = (worker: Worker): Promise<number> => new Promise((resolve) => worker.once('exit', resolve));

describe.skipIf(!isBuilt || native.name !== 'native')('worker threads', () => {
  it('each have the engine, at the same time and with the same results', async () => {
    const workers = [1, 2, 1, 2].map((threads) => start(60, threads));
    const exits = workers.map(ended);
    const [first, ...others] = await Promise.all(workers.map(result));
    for (const other of others) expect(other).toEqual(first);
    expect(await Promise.all(exits)).toEqual([0, 0, 0, 0]);
  });

  it('can be ended in the middle of a run, and the others go on', async () => {
    const doomed = [start(1e6, 2), start(1e6, 1)];
    const exits = doomed.map(ended);
    const survivor = result(start(60, 2));
    const before = await result(start(60, 1));
    for (const worker of doomed) void worker.terminate();
    expect(await Promise.all(exits)).toEqual([1, 1]);
    expect(await survivor).toEqual(before);
    expect(await result(start(60, 2))).toEqual(before);
  });
});
