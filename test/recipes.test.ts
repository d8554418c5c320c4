import { mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { corpusPath } from '../src/cli/corpus.js';
import { packageFile } from '../src/core/package-root.js';
import { type BitTransformerConfig, createModel } from '../src/models/index.js';
import { type RunConfig, resolveConfig } from '../src/train/config.js';
import { type MetricsRow, readMetrics } from '../src/train/metrics.js';
import { train } from '../src/train/trainer.js';

const root = mkdtempSync(join(tmpdir(), 'nonet-recipes-'));
afterAll(() => rm(root, { recursive: true, force: true }));

/** Bits per byte of a code that knows only how often each byte occurs. */
const orderZeroEntropy = (bytes: Uint8Array): number => {
  const counts = new Float64Array(256);
  for (const byte of bytes) counts[byte]!++;
  return counts.reduce(
    (sum, count) => (count === 0 ? sum : sum - (count / bytes.length) * Math.log2(count / bytes.length)),
    0,
  );
};

/**
 * `progressivePlateau` written down once more, as docs/training.md tells it: the learning rate of every step from the
 * validation figures that came before it.
 */
const plateauRates = (rows: readonly MetricsRow[], steps: number, keys: PlateauKeys): number[] => {
  const figures = new Map(
    rows.flatMap(({ step, validation }) => (validation ? [[step, (validation as Figure).bitsPerByte]] : [])),
  );
  const rates: number[] = [];
  let [plateaus, best, waited] = [0, Number.POSITIVE_INFINITY, 0];
  let rise = { from: 0, steps: keys.warmupSteps };
  for (let step = 0; step < steps; step++) {
    const figure = step > 0 ? figures.get(step) : undefined;
    const isRising = step <= rise.from + rise.steps;
    if (figure !== undefined && figure < best - keys.plateauMinChange) [best, waited] = [figure, 0];
    else if (figure !== undefined && !isRising) waited++;
    if (waited === keys.plateauPatience) {
      plateaus++;
      waited = 0;
      rise = { from: step, steps: keys.plateauWarmupSteps };
    }
    const share = Math.min(1, (step - rise.from + 1) / (rise.steps + 1));
    rates.push(keys.learningRate * Math.SQRT1_2 ** plateaus * share);
  }
  expect(plateaus).toBeGreaterThan(0);
  return rates;
};

interface Figure {
  readonly bitsPerByte: number;
}

interface PlateauKeys {
  readonly learningRate: number;
  readonly warmupSteps: number;
  readonly plateauPatience: number;
  readonly plateauMinChange: number;
  readonly plateauWarmupSteps: number;
}

/** Every `group.key` with its value as JSON. */
const valuesOf = (config: RunConfig): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(config).flatMap(([group, keys]) =>
      Object.entries(Object(keys)).map(([key, value]) => [`${group}.${key}`, JSON.stringify(value)] as const),
    ),
  );

describe('the tiny recipes on Moby Dick', () => {
  const entropy = orderZeroEntropy(readFileSync(corpusPath()));

  it.each(['a', 'b', 'c'].flatMap((letter) => [`bitformer-${letter}-tiny`, `bitformer-${letter}-patched-tiny`]))(
    '%s learns in 200 steps, with its learning rate on schedule',
    { timeout: 300_000 },
    async (name) => {
      const settings = ['data.validationShare=0.01', `run.root=${JSON.stringify(root)}`, 'threads=1'];
      const config = await resolveConfig(name, [`data.path=${JSON.stringify(corpusPath())}`, ...settings]);
      expect(config.train).toMatchObject({ steps: 200, schedule: 'progressivePlateau', minLearningRate: 0 });
      const { validation } = await train(config);
      expect(validation!.bitsPerByte).toBeLessThan(createModel(config.model).bitsPerPatch === 1 ? 5.5 : entropy);

      const rows = await readMetrics(join(root, name, 'metrics.jsonl'));
      const taken = rows.filter((row) => 'loss' in row).map(({ learningRate }) => learningRate);
      const wanted = plateauRates(rows, config.train.steps, config.train);
      expect(taken).toEqual(wanted.map((rate) => expect.closeTo(rate, 12)));
    },
  );

  it('have the switches of the recipes that they are made from', async () => {
    for (const letter of ['a', 'b', 'c']) {
      for (const twin of ['', '-patched']) {
        const path = ['data.path=none.txt'];
        const [full, tiny] = [`bitformer-${letter}${twin}`, `bitformer-${letter}${twin}-tiny`];
        const [{ model: ofFull, train: of }, { model: ofTiny, train: to }] = [
          await resolveConfig(full, path),
          await resolveConfig(tiny, path),
        ];
        const [a, b] = [ofFull, ofTiny] as BitTransformerConfig[] as [BitTransformerConfig, BitTransformerConfig];
        for (const key of ['act', 'reversible', 'recompute', 'bitsPerPatch', 'classicHead'] as const)
          expect(b[key]).toBe(a[key]);
        for (const key of ['schedule', 'optimizer', 'accumulation'] as const) expect(to[key]).toBe(of[key]);
        expect([a.chunkSize, a.contextLength]).toEqual(twin ? [128, 512] : [128, 1024]);
        expect(b.chunkSize).toBeLessThan(b.contextLength!);
      }
    }
  });

  it('differ from these in the keys that docs/recipes.md lists, and in no other', async () => {
    const differing = new Set<string>();
    for (const name of ['a', 'b', 'c', 'a-patched', 'b-patched', 'c-patched']) {
      const full = valuesOf(await resolveConfig(`bitformer-${name}`, ['data.path=x', 'run.name=x']));
      const tiny = valuesOf(await resolveConfig(`bitformer-${name}-tiny`, ['data.path=x', 'run.name=x']));
      for (const [key, value] of tiny) if (value !== full.get(key)) differing.add(key);
    }
    const page = readFileSync(packageFile('docs/recipes.md'), 'utf8');
    const table = /### The tiny recipes[\s\S]*?\n## /.exec(page)![0];
    const listed = [...table.matchAll(/^\| (`\w+\..*?) \|/gm)].flatMap(([, cell]) => {
      const names = cell!.replaceAll('`', '').split(', ');
      const group = names[0]!.split('.')[0];
      return names.map((key) => (key.includes('.') ? key : `${group}.${key}`));
    });
    expect(listed.sort()).toEqual([...differing].sort());
  });
});
