import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { latestCheckpoint, loadCheckpoint, type NamedArray } from '../src/checkpoint/index.js';
import { checkConfig, type RunConfig } from '../src/train/config.js';
import { type MetricsRow, readMetrics } from '../src/train/metrics.js';
import { resume, train } from '../src/train/trainer.js';

/** What of a configuration differs from a small run of 60 steps. */
export interface Changes {
  readonly name: string;
  readonly precision?: RunConfig['precision'];
  readonly model?: object;
  readonly train?: object;
  readonly data?: object;
  readonly init?: object;
  readonly adapter?: object;
}

/** A folder for small runs on a made-up text, which the caller removes. */
export const trainingRoot = () => {
  const root = mkdtempSync(join(tmpdir(), 'nonet-train-'));
  const words = ['whale', 'ship', 'sea', 'captain', 'harpoon', 'deck', 'wind', 'night'];
  const text = Array.from({ length: 4000 }, (_, i) => words[(i * i + (i >> 3)) % words.length]).join(' ');
  const dataPath = join(root, 'text.txt');
  writeFileSync(dataPath, text);

  const configOf = ({ name, ...changes }: Changes): RunConfig =>
    checkConfig(
      {
        run: { root, name },
        seed: 5,
        threads: 1,
        ...(changes.precision && { precision: changes.precision }),
        data: { path: dataPath, ...changes.data },
        model:
          changes.model && 'family' in changes.model
            ? changes.model
            : {
                preset: 'nano',
                layers: 2,
                dModel: 32,
                heads: 2,
                feedForward: 48,
                contextLength: 32,
                ...changes.model,
              },
        train: {
          steps: 60,
          batchSize: 8,
          learningRate: 1e-2,
          warmupSteps: 5,
          evaluateEvery: 0,
          checkpointEvery: 0,
          ...changes.train,
        },
        ...(changes.init && { init: changes.init }),
        ...(changes.adapter && { adapter: changes.adapter }),
      },
      'the test',
      name,
    );

  const checkpointOf = async (name: string) => loadCheckpoint(await latestCheckpoint(join(root, name)));
  const weightsOf = async (name: string) => (await checkpointOf(name)).model;
  const metricsOf = (name: string): Promise<MetricsRow[]> => readMetrics(join(root, name, 'metrics.jsonl'));

  /** Trains, with an interruption and a resume behind every evaluation at one of `stops`. */
  const trainInParts = async (config: RunConfig, stops: readonly number[]): Promise<void> => {
    const part = (stop: number | undefined, run: (options: object) => Promise<{ interrupted: boolean }>) => {
      const abort = new AbortController();
      const stream = { write: (line: string) => line.startsWith(`step ${stop}: validation`) && abort.abort() };
      return run({ signal: abort.signal, stream });
    };
    let run = (options: object) => train(config, options);
    for (const stop of stops) {
      expect(await part(stop, run)).toMatchObject({ interrupted: true });
      run = (options) => resume(config.run.name, [], { ...options, root });
    }
    expect(await part(undefined, run)).toMatchObject({ interrupted: false });
  };

  /** Trains a run whole and in parts: weights, optimizer, state and metrics must be the same but for the time they took. */
  const expectSameInParts = async (changes: Changes, stops: readonly number[]): Promise<MetricsRow[]> => {
    const [whole, parts] = [`${changes.name} whole`, `${changes.name} in parts`];
    await train(configOf({ ...changes, name: whole }));
    await trainInParts(configOf({ ...changes, name: parts }), stops);
    const [a, b] = [await checkpointOf(whole), await checkpointOf(parts)];
    expect(hexOf(b.model)).toEqual(hexOf(a.model));
    expect(hexOf(b.optimizer)).toEqual(hexOf(a.optimizer));
    expect(b.state).toEqual(a.state);
    const untimed = (rows: MetricsRow[]) => rows.map(({ seconds: _, dataWaitSeconds: __, speed: ___, ...row }) => row);
    const rows = untimed(await metricsOf(whole));
    expect(untimed(await metricsOf(parts))).toEqual(rows);
    return rows;
  };

  return { root, configOf, checkpointOf, weightsOf, metricsOf, trainInParts, expectSameInParts };
};

export const hexOf = (arrays: readonly NamedArray[]): [string, string][] =>
  arrays.map(({ name, data }) => [name, Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')]);
