import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadRecipe, mergeTrees } from '../../core/config.js';
import { knownKeys } from '../../core/schema-keys.js';
import { checkConfig, runConfigSchema } from '../config.js';
import { fromOlmax } from './convert.js';
import { renderOlmaxKeys } from './page.js';
import { olmaxKeys } from './table.js';

const root = new URL('../../../', import.meta.url);
const convert = (tree: object) => fromOlmax({ ...tree }, 'the test');

/** The name in snake_case. */
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A value that the key takes, and that is not its default. */
const sampleOf = ({ kind, convert: by, values, standard, only }: (typeof olmaxKeys)[number]): unknown => {
  if (values) return Object.keys(values).find((value) => value !== standard && value !== only);
  if (kind === 'number') return by ? 0.25 : 0.5;
  return { count: 7, text: 'words', flag: true, list: ['embedding'] }[kind];
};

describe('fromOlmax', () => {
  it('makes a recipe of the published deep and narrow configuration', async () => {
    const { recipe, warnings } = fromOlmax(
      await loadRecipe(new URL('examples/olmax-deep-narrow.yaml', root).pathname),
      'it',
    );
    expect(warnings).toEqual([]);
    expect(recipe).toEqual({
      data: { separator: 4, interleave: 2, shuffleBytes: 64e9, workers: 2 },
      model: {
        ...{ family: 'olmax', contextLength: 4096, features: 256, pointwiseFeatures: 512, pointwiseKernel: 5 },
        ...{ innerBottleneckFeatures: 128, outerBottleneckKernel: 25, innerBottleneckKernel: 49 },
        ...{ spatialMixingKernel: 512, depth: 64, leakySlope: 0.02, zLoss: 0.01 },
      },
      train: {
        ...{ optimizer: 'tgAdam', schedule: 'exponential', clipKind: 'weight', clipRatio: 0.001 },
        ...{ tgBetas: [0.97, 0.997, 0.999], momentumKind: 'debiased', stateType: 'f32' },
        ...{ batchSize: 16, learningRate: 0.01, warmupSteps: 1024, rateDecay: 3e-6, weightDecay: 0.001 },
        ...{ steps: 65536, stepsPerCall: 4, checkpointEvery: 16384 },
      },
    });
  });

  it.each(olmaxKeys.map((rule) => [rule.key, rule] as const))(
    'knows %s in both spellings and by all names',
    (_, rule) => {
      const [group, name] = rule.key.includes('.') ? rule.key.split('.') : ['', rule.key];
      const value = sampleOf(rule);
      const convertedAs = (word: string) => convert(group === '' ? { [word]: value } : { [group!]: { [word]: value } });
      const plain = convertedAs(name!);
      for (const word of [name!, ...(rule.also ?? [])]) {
        for (const spelt of [word, snake(word), word.toLowerCase()])
          expect(convertedAs(spelt).recipe).toEqual(plain.recipe);
      }
      expect(plain.warnings).toHaveLength(rule.to === undefined && rule.only !== value ? 1 : 0);
      if (rule.to === undefined) return;
      const converted = convert({ dims: { vocab: 256 } }).recipe;
      expect(plain.recipe).not.toEqual(converted);
    },
  );

  it('warns of each key without a meaning here, and says what comes near it', () => {
    const { warnings } = convert({
      dims: { vocab: 512, featurs: 3 },
      model: { rezero: 0.01, autoregressive: true },
      tpu: { size: 32 },
      wandb: { project: 'deep' },
      eval: { eos: null },
    });
    expect(warnings).toEqual([
      'dims.vocab: 512 is left out: models here read bytes: 256.',
      'dims.featurs: is no key of Olmax that is known here; did you mean features?',
      'model.rezero: 0.01 is left out: there is no rezero.',
      'tpu.size: is no key of Olmax that is known here',
      'wandb.project: "deep" is left out: runs are kept in run.root.',
    ]);
  });

  it('finds groups within groups, and names that only one group has anywhere', () => {
    const { recipe, warnings } = convert({
      dims: { sizes: { batch: 3 } },
      training: { trace: { doTrace: true } },
      depth: 5,
    });
    expect(recipe).toMatchObject({ train: { batchSize: 3 }, trace: { enabled: true }, model: { depth: 5 } });
    expect(warnings).toEqual([]);
  });

  it('takes the older configuration with Shampoo', () => {
    const { recipe } = convert({
      optimizer: {
        ...{ block_size: 512, statistics_compute_steps: 4, preconditioning_compute_steps: 128 },
        ...{ start_preconditioning_step: 16, skip_preconditioning_dim_size_gt: 1024 },
      },
    });
    expect(recipe.train).toMatchObject({
      ...{ optimizer: 'shampoo', preconditionBlock: 512, statisticsEvery: 4, preconditionEvery: 128 },
      ...{ preconditionFrom: 16, preconditionSkip: 1024 },
    });
  });

  it('turns units: rates into betas, gigabytes into bytes, names of types', () => {
    const { recipe } = convert({
      data: { shuffle_buffer_gb: 0.5 },
      optimizer: { adam_beta2: 0.1, momentum_dtype: 'bfloat16' },
    });
    expect(recipe).toMatchObject({
      data: { shuffleBytes: 5e8 },
      train: { tgBetas: [0.97, 0.9, 0.999], stateType: 'bf16' },
    });
    expect(convert({ data: { shuffle_buffer_gb: 0 } }).recipe).toMatchObject({ data: { shuffleBytes: 1 } });
  });

  it('leaves the bfloat16 of the published configurations out, as the family computes in float32', () => {
    const { recipe, warnings } = convert({ model: { computation_dtype: 'bfloat16', storage_dtype: 'float32' } });
    expect(recipe.precision).toBeUndefined();
    expect(warnings).toEqual([expect.stringMatching(/^model\.computation_dtype: "bfloat16" is left out: .*float32/)]);
  });

  it('leaves out what the optimizer does not read, and warns of it', () => {
    const { recipe, warnings } = convert({
      optimizer: { block_size: 128, beta1: 0.1, momentum_type: 'heavyball', momentum_dtype: 'float64' },
    });
    expect(recipe.train).toMatchObject({ optimizer: 'shampoo', preconditionBlock: 128 });
    for (const key of ['tgBetas', 'momentumKind', 'stateType']) expect(recipe.train).not.toHaveProperty(key);
    expect(warnings).toEqual([
      'optimizer.beta1: 0.1 is left out: train.optimizer shampoo does not read it.',
      'optimizer.momentum_type: "heavyball" is left out: train.optimizer shampoo does not read it.',
      'optimizer.momentum_dtype: "float64" is left out: train.optimizer shampoo does not read it.',
    ]);
    const other = convert({ optimizer: { type: 'adamw', block_size: 128 } });
    expect(other.recipe.train).not.toHaveProperty('preconditionBlock');
    expect(other.warnings).toEqual([expect.stringMatching(/block_size: 128 .*adamw does not read it/)]);
  });

  it('takes the debug source for data.debug, whatever the path is and wherever it stands', () => {
    const debug = { path: 'debug:1000000' };
    expect(convert({ data: { debug: true, path: 'a.txt' } }).recipe.data).toMatchObject(debug);
    expect(convert({ data: { debug: true } }).recipe.data).toMatchObject(debug);
    expect(convert({ data: { debug: false, path: 'a.txt' } }).recipe.data).toMatchObject({ path: 'a.txt' });
    expect(convert({ data: { debug: false } }).recipe.data).not.toHaveProperty('path');
  });

  it('names the values that a key can have', () => {
    const wrong = { optimizer: { type: 'adagrad', momentum_type: 'bla', momentum_dtype: 'float8' } };
    expect(() => convert(wrong)).toThrow(
      /3 problems:\n.*type: is "adagrad", expected one of adamw, .*\n.*momentum_type: .*heavyball.*\n.*dtype: .*float64/,
    );
    expect(() => convert({ model: { computation_dtype: 'bla' } })).toThrow(
      /computation_dtype: is "bla", expected one of/,
    );
    expect(convert({ optimizer: { type: 'TG_Adam' } }).recipe.train).toMatchObject({ optimizer: 'tgAdam' });
  });

  it.each([
    ['as little as possible', { dims: { depth: 2 } }],
    ['bfloat16', { model: { computation_dtype: 'bfloat16' }, optimizer: { momentum_dtype: 'bfloat16' } }],
    ['Shampoo', { optimizer: { block_size: 512, beta1: 0.1, momentum_type: 'ema' } }],
    ['the debug source', { data: { debug: true }, optimizer: { adam_beta2: 0.1 } }],
    ['another optimizer', { optimizer: { type: 'adafactor', momentum_type: 'nesterov' } }],
    ['keys of no meaning', { dims: { vocab: 512 }, model: { rezero: 0.01 }, eval: { eos: 4 } }],
  ])('makes recipes that resolve: with %s', (_, tree) => {
    const { recipe } = convert(tree);
    const { model, train } = checkConfig(mergeTrees({ data: { path: 'text.txt' } }, recipe), 'the recipe', 'olmax');
    expect(model.family).toBe('olmax');
    expect(train).toMatchObject(recipe.train as object);
  });

  it('names every value of a wrong type at once', () => {
    const tree = { dims: { features: 'many', depth: 1.5 }, optimizer: { learningRate: [1] }, data: { path: '' } };
    expect(() => convert(tree)).toThrow(
      expect.objectContaining({
        code: 'E_CONFIG',
        message: expect.stringMatching(/4 problems:\n.*features: is "many"/),
      }),
    );
    expect(() => convert({ colour: 'red' })).toThrow(/no key of an Olmax configuration/);
  });
});

describe('the table', () => {
  it('names keys that recipes have, with defaults that they take', () => {
    const known = new Set(knownKeys(runConfigSchema()).map(({ key }) => key.replace(/\[\]$/, '')));
    const targets = olmaxKeys.flatMap(({ to }) => to ?? []);
    expect(targets.filter((to) => !known.has(to))).toEqual([]);
    const { recipe } = convert({ data: { path: 'text.txt' } });
    const config = checkConfig(recipe, 'the recipe', 'olmax');
    expect(config.train).toMatchObject(recipe.train as object);
    expect(config.model).toMatchObject(recipe.model as object);
  });

  it('stands in docs/olmax-config.md as it is (run `node scripts/olmax-keys.mjs` after a build)', () => {
    expect(readFileSync(new URL('docs/olmax-config.md', root), 'utf8')).toBe(renderOlmaxKeys());
  });

  it('has each name of a group once', () => {
    const names = olmaxKeys.flatMap(({ key, also = [] }) => [
      key,
      ...also.map((name) => `${key.slice(0, key.lastIndexOf('.') + 1)}${name}`),
    ]);
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
  });
});
