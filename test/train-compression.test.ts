import { rm } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { batchKind } from '../src/data/index.js';
import { explainStep } from '../src/train/explain.js';
import { train } from '../src/train/trainer.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, checkpointOf, metricsOf, expectSameInParts } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

const flat = { layers: 1, bitsPerPatch: 1, contextLength: 64 };
/** Short evaluations at the end. */
const fewBytes = { validationShare: 0.02 };
const always = { start: 1, end: 1, steps: 0 };

describe('compressed batches', () => {
  it.each<[string, object, object, object]>([
    ['flat', flat, {}, {}],
    ['patched, with dropout', { layers: 1, dropout: 0.1 }, { batchSize: 4 }, {}],
    ['with parity', { layers: 1, bitsPerPatch: 9 }, { batchSize: 4 }, { parity: true }],
    ['in groups', flat, { accumulation: 3, batchSize: 2 }, {}],
    ['in epochs that end with fewer rows and groups', flat, { epochs: 1, batchSize: 200, accumulation: 4 }, {}],
  ])('train to the same bits as plain ones: %s', async (name, model, keys, data) => {
    const [plain, coded] = [`${name} plain`, `${name} coded`];
    const change = { steps: 6, warmupSteps: 2, ...keys };
    const of = (run: string, more: object) =>
      configOf({ name: run, model, data: { ...fewBytes, ...data }, train: { ...change, ...more } });
    const a = await train(of(plain, {}));
    const b = await train(of(coded, { compression: always }));
    expect((await checkpointOf(coded)).model).toEqual((await checkpointOf(plain)).model);
    expect((await checkpointOf(coded)).optimizer).toEqual((await checkpointOf(plain)).optimizer);
    const figures = async (run: string) =>
      (await metricsOf(run)).map(({ loss, bitsPerByte, validation }) => [loss, bitsPerByte, validation]);
    expect(await figures(coded)).toEqual(await figures(plain));
    const rows = (await metricsOf(coded)).filter(({ loss }) => loss !== undefined);
    expect(rows.every((row) => row.batchKind === 'compressed')).toBe(true);
    expect(b.batchKinds).toEqual({ plain: 0, compressed: rows.length, direct: 0 });
    expect(b.batchBytes).toBe(rows.reduce((sum, row) => sum + Number(row.batchBytes), 0));
    // A number for each bit takes four bytes, its code two at most.
    if (model === flat) expect(b.batchBytes).toBeLessThan(a.batchBytes / 2);
  });

  it('are shown by plan and profile as they run', async () => {
    const config = configOf({ name: 'explained', model: flat, train: { compression: always } });
    const { calls } = await explainStep(config, { profile: true });
    expect(calls.some(({ kernel }) => kernel === 'decodeRunLength')).toBe(true);
  });
});

describe('train.compression', () => {
  it.each([{}, { epochs: 1, batchSize: 100, accumulation: 2 }])(
    'mixes kinds along its ramp, and resumes to the same end: %j',
    async (keys) => {
      const ramp = { start: 0.3, end: 0.9, steps: 14, direct: 0.4 };
      const change = { steps: 18, evaluateEvery: 7, evaluateBytes: 300, compression: ramp, spike: 'skip', ...keys };
      const name = `mixed ${JSON.stringify(keys).replaceAll(/\W/g, ' ')}`;
      const rows = await expectSameInParts({ name, model: flat, data: fewBytes, train: change }, [7, 14]);
      const steps = rows.filter(({ loss }) => loss !== undefined);
      expect(steps.map(({ batchKind: kind }) => kind)).toEqual(steps.map((_, i) => batchKind(ramp, 5, i)));
      expect(new Set(steps.map(({ batchKind: kind }) => kind)).size).toBe(3);
    },
  );

  it('goes from none to half of the batches over the warm-up unless told', async () => {
    const config = configOf({
      name: 'defaults',
      data: fewBytes,
      train: { compression: {}, warmupSteps: 9, steps: 12 },
    });
    expect(config.train.compression).toEqual({ start: 0, end: 0.5, direct: 0 });
    await train(config);
    const kinds = (await metricsOf('defaults')).flatMap(({ batchKind: kind }) => kind ?? []);
    const ramp = { start: 0, end: 0.5, steps: 9, direct: 0 };
    expect(kinds).toEqual(Array.from({ length: 12 }, (_, step) => batchKind(ramp, 5, step)));
    expect(() => configOf({ name: 'wrong', train: { compression: { end: 2 } } })).toThrow(/train.compression.end/);
  });
});
