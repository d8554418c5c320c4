import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ConfigProblem, type ConfigTree, validateConfig } from './config.js';
import { NonetError } from './errors.js';

const schema = z.strictObject({
  seed: z.int().default(1),
  model: z
    .strictObject({
      layers: z.int().min(1).default(8),
      dModel: z.int().min(1).default(64),
      heads: z.int().min(1).default(4),
      norm: z.enum(['layer', 'rms']).default('rms'),
    })
    .refine(({ dModel, heads }) => dModel % heads === 0, {
      path: ['heads'],
      message: 'expected a divisor of model.dModel',
    })
    .prefault({}),
  data: z.strictObject({
    path: z.union([z.string(), z.array(z.string())]),
    sources: z.array(z.strictObject({ path: z.string(), weight: z.number().min(0).default(1) })).optional(),
  }),
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).optional(),
  names: z.array(z.string().min(1)).min(1).optional(),
  tries: z.record(z.string(), z.strictObject({ values: z.array(z.number()).min(1) })).optional(),
  budget: z.union([z.literal('none'), z.strictObject({ minutes: z.number() })]).default('none'),
});

function problemsOf(tree: ConfigTree): ConfigProblem[] {
  try {
    validateConfig(schema, tree, 'a.yaml');
  } catch (error) {
    if (error instanceof NonetError && error.code === 'E_CONFIG') return error.details.problems as ConfigProblem[];
    throw error;
  }
  return [];
}

const data = { path: 'a.txt' };

describe('validateConfig', () => {
  it('fills in the defaults', () => {
    expect(validateConfig(schema, { data }, 'a.yaml')).toMatchObject({ seed: 1, model: { layers: 8, norm: 'rms' } });
  });

  it('lists all problems in one error, one a line', () => {
    const tree = { seed: 'x', model: { layers: 0, heds: 2 } };
    expect(() => validateConfig(schema, tree, 'a.yaml')).toThrow(
      [
        'a.yaml has 4 problems:',
        '  seed: is "x", expected integer',
        '  model.layers: is 0, expected integer from 1',
        '  model.heds: unknown key; did you mean model.heads?',
        '  data: is missing, expected a group of keys',
      ].join('\n'),
    );
  });

  it.each([
    ['a misspelt key', { model: { d_model: 1 } }, 'model.d_model', 'unknown key; did you mean model.dModel?'],
    ['a misspelt group', { modle: { layers: 1 } }, 'modle', 'unknown key; did you mean model?'],
    ['a key in the wrong group', { layers: 1 }, 'layers', 'unknown key; did you mean model.layers?'],
    [
      'an unrelated key',
      { model: { xyzzy: 1 } },
      'model.xyzzy',
      'unknown key; known here are layers, dModel, heads, norm',
    ],
    [
      'a prototype key',
      JSON.parse('{"__proto__":{"a":1}}'),
      '__proto__',
      'unknown key; known here are seed, model, data, betas, names, tries, budget',
    ],
    ['a wrong choice', { model: { norm: 'rsm' } }, 'model.norm', 'is "rsm", expected "layer" or "rms"'],
    ['a list for a group', { model: [1] }, 'model', 'is a list of 1, expected a group of keys'],
    ['null for a number', { seed: null }, 'seed', 'is null, expected integer'],
    ['a fraction for an integer', { seed: 1.5 }, 'seed', 'is 1.5, expected integer'],
    ['not-a-number', { seed: Number.NaN }, 'seed', 'is NaN, expected integer'],
    ['an item out of range', { betas: [0.9, 1] }, 'betas[1]', 'is 1, expected number from 0 and below 1'],
    [
      'a list that is too short',
      { betas: [0.9] },
      'betas',
      'is a list of 1, expected list of 2 values, each number from 0 and below 1',
    ],
    ['an empty list', { names: [] }, 'names', 'is an empty list, expected non-empty list of non-empty text'],
    ['an empty item', { names: [''] }, 'names[0]', 'is "", expected non-empty text'],
    [
      'an empty list of an entry of a free mapping',
      { tries: { 'train.steps': { values: [] } } },
      'tries.train.steps.values',
      'is an empty list, expected non-empty list of number',
    ],
    ['a refinement', { model: { heads: 3 } }, 'model.heads', 'is 3, expected a divisor of model.dModel'],
    ['no branch of a union', { data: { path: 3 } }, 'data.path', 'is 3, expected text or list of text'],
    [
      'the inside of a branch',
      { budget: { minuts: 1, minutes: 2 } },
      'budget.minuts',
      'unknown key; did you mean budget.minutes?',
    ],
    ['a wrong value inside of a branch', { budget: { minutes: 'x' } }, 'budget.minutes', 'is "x", expected number'],
  ])('explains %s', (_, tree: ConfigTree, key, problem) => {
    expect(problemsOf({ data, ...tree })).toContainEqual({ key, problem });
  });

  it('addresses items of lists by number', () => {
    const sources = [{ path: 'a' }, { paht: 'b', weight: -1 }];
    expect(problemsOf({ data: { path: 'a', sources } })).toEqual([
      { key: 'data.sources[1].path', problem: 'is missing, expected text' },
      { key: 'data.sources[1].weight', problem: 'is -1, expected number from 0' },
      { key: 'data.sources[1].paht', problem: 'unknown key; did you mean data.sources[1].path?' },
    ]);
  });
});
