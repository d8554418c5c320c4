import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { jsonSchema, knownKeys } from './schema-keys.js';

const schema = z.strictObject({
  seed: z.int().min(0).default(1).describe('Where randomness starts.'),
  model: z
    .strictObject({
      layers: z.int().min(1).max(64).default(8),
      norm: z.enum(['layer', 'rms']).describe('Kind of norm.').default('rms'),
      rate: z.number().gt(0).lt(1),
    })
    .prefault({ rate: 0.5 }),
  data: z.strictObject({
    path: z.union([z.string().min(1), z.array(z.string())]).describe('Files.'),
    sources: z.array(z.strictObject({ path: z.string() })).optional(),
    labels: z.record(z.string(), z.strictObject({ weight: z.number() })).optional(),
    window: z.tuple([z.number(), z.number()]).nullable().default(null),
  }),
  schedule: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('constant'), unit: z.enum(['step', 'epoch']) }),
    z.strictObject({ kind: z.literal('cosine'), final: z.number().min(0), unit: z.enum(['epoch', 'step', 'byte']) }),
  ]),
});

describe('knownKeys', () => {
  const keys = new Map(knownKeys(schema).map((key) => [key.key, key]));

  it('lists every key in the order of the schema, groups left out', () => {
    expect([...keys.keys()]).toEqual([
      'seed',
      'model.layers',
      'model.norm',
      'model.rate',
      'data.path',
      'data.sources[].path',
      'data.sources',
      'data.labels.<name>.weight',
      'data.labels',
      'data.window',
      'schedule.kind',
      'schedule.unit',
      'schedule.final',
    ]);
  });

  it('takes help and defaults through wrappers in either order', () => {
    expect(keys.get('seed')).toEqual({
      key: 'seed',
      type: 'integer from 0',
      help: 'Where randomness starts.',
      default: 1,
      required: false,
    });
    expect(keys.get('model.norm')).toMatchObject({ help: 'Kind of norm.', default: 'rms' });
  });

  it('gives keys the default of the group they stand in', () => {
    expect(keys.get('model.rate')).toMatchObject({ default: 0.5, required: false });
  });

  it.each([
    ['model.layers', 'integer from 1 to 64'],
    ['model.norm', '"layer" or "rms"'],
    ['model.rate', 'number above 0 and below 1'],
    ['data.path', 'non-empty text or list of text'],
    ['data.window', 'list of 2 values, each number or null'],
    ['schedule.kind', '"constant" or "cosine"'],
    ['schedule.final', 'number from 0'],
    ['schedule.unit', '"step", "epoch" or "byte"'],
  ])('describes the values of %s as %s', (key, type) => {
    expect(keys.get(key)?.type).toBe(type);
  });

  it('tells which keys of a union go with what', () => {
    expect(keys.get('schedule.final')?.goesWith).toEqual(['schedule.kind=cosine']);
    expect(keys.get('schedule.unit')?.goesWith).toEqual(['schedule.kind=constant', 'schedule.kind=cosine']);
    expect(keys.get('data.path')).not.toHaveProperty('goesWith');
  });

  it('marks keys without a default as required', () => {
    expect(keys.get('data.path')?.required).toBe(true);
    expect(keys.get('data.sources')?.required).toBe(false);
  });
});

describe('jsonSchema', () => {
  it('describes what is written, so keys with a default are optional', () => {
    expect(jsonSchema(schema).required).toEqual(['data', 'schedule']);
  });
});
