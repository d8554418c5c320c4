import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../core/package-root.js';
import { resolveSweep } from './config.js';

const folder = mkdtempSync(join(tmpdir(), 'nonet-sweep-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'recipe.yaml'), 'data: { path: text.txt }\ntrain: { minutes: 3 }\n');

const resolved = (text: string, settings: string[] = []) => {
  writeFileSync(join(folder, 'rates.yaml'), text);
  return resolveSweep(join(folder, 'rates.yaml'), { settings });
};
const rate = 'train.learningRate: { min: 0.001, max: 0.1, scale: log }';

describe('the file of a sweep', () => {
  it('has its defaults and its name, and lays settings over its recipe', async () => {
    const text = `recipe: recipe.yaml\nsettings: { model: { layers: 2 } }\nparameters: { ${rate} }`;
    expect(await resolved(text, ['train.steps=7'])).toEqual({
      name: 'rates',
      root: 'runs',
      method: 'tpe',
      seed: 1,
      metric: 'validation',
      tpe: { startup: 8, quantile: 0.15, candidates: 24 },
      parameters: { 'train.learningRate': { min: 0.001, max: 0.1, scale: 'log', integer: false } },
      // A length on the command line takes the place of the recipe's.
      base: { data: { path: 'text.txt' }, model: { layers: 2 }, train: { steps: 7 } },
    });
  });

  it('that comes with nonet is right', async () => {
    const config = await resolveSweep(packageFile('recipes/quickstart-sweep.yaml'), { trials: 3, root: 'elsewhere' });
    expect(config).toMatchObject({ name: 'quickstart-sweep', trials: 3, root: 'elsewhere' });
  });

  it('takes a recipe that comes with nonet by its name', async () => {
    const { base } = await resolved(`recipe: bitformer-b\nparameters: { ${rate} }`, ['data.path=text.txt']);
    expect(base).toMatchObject({ model: { layers: 8, dModel: 128 } });
    await expect(resolved(`recipe: bitformr-b\nparameters: { ${rate} }`)).rejects.toMatchObject({
      code: 'E_FILE',
      message: expect.stringMatching(/rates\.yaml: "bitformr-b" is no file .*Did you mean bitformer-b\?/),
    });
  });

  it('may hold values that only go together with others', async () => {
    const text =
      'recipe: recipe.yaml\nparameters: { model.dModel: { values: [99, 100] }, model.heads: { values: [3] } }';
    expect(await resolved(text)).toMatchObject({ name: 'rates' });
  });
});
