import { basename, extname } from 'node:path';
import type { z as Z } from 'zod';
import { type ConfigProblem, type ConfigTree, loadRecipe, mergeTrees, validateConfig } from '../../core/config.js';
import { NonetError } from '../../core/errors.js';
import { lazily, zod } from '../../core/libraries.js';
import { recipePath } from '../../core/recipe-path.js';
import { checkConfig, runConfigSchema, withSettings } from '../config.js';
import { valuesToCheck } from './space.js';

/** What a file of `nonet sweep` says. */
export const sweepSchema = lazily(() => {
  const { z } = zod();
  const plain = z.union([z.string(), z.number(), z.boolean(), z.null()]);
  const parameter = z
    .strictObject({
      values: z
        .array(z.union([plain, z.array(plain)]))
        .min(1)
        .optional()
        .describe('Values to choose from, in no order.'),
      min: z.number().optional().describe('Lower end of a range.'),
      max: z.number().optional().describe('Upper end of a range.'),
      scale: z.enum(['linear', 'log']).default('linear').describe('On what scale the range is even.'),
      integer: z.boolean().default(false).describe('Whether only whole numbers of the range count.'),
      points: z.int().min(2).optional().describe('Values of the range that a grid tries, its ends included.'),
    })
    .superRefine(({ values, min, max, scale, integer, points }, { addIssue }) => {
      const wrong = (message: string, ...path: string[]): void => addIssue({ code: 'custom', path, message });
      if (values !== undefined) {
        const isRange = min !== undefined || max !== undefined || points !== undefined || integer || scale === 'log';
        if (isRange) wrong('expected either values, or min and max with what belongs to them', 'values');
        return;
      }
      if (min === undefined || max === undefined) return wrong('expected values, or min and max');
      if (min >= max) wrong(`expected less than max, which is ${max}`, 'min');
      if (scale === 'log' && min <= 0) wrong('expected more than 0: the scale is logarithmic', 'min');
      for (const [end, value] of Object.entries({ min, max })) {
        if (integer && !Number.isInteger(value)) wrong('expected a whole number, as integer is true', end);
      }
    });
  return z
    .strictObject({
      name: z
        .string()
        .refine((name) => /^(?!\.{1,2}$)[^/\\]+$/.test(name), 'expected the name of a folder, without slashes')
        .optional()
        .describe('Name of the sweep and beginning of those of its runs; default: that of the file.'),
      root: z.string().min(1).default('runs').describe('Where the sweep and its runs lie.'),
      recipe: z
        .string()
        .min(1)
        .describe(
          'The recipe that all trials start from: its path, relative to this file, or the name of one that comes with nonet.',
        ),
      settings: z.record(z.string(), z.unknown()).default({}).describe('What is laid over the recipe, as in a recipe.'),
      method: z
        .enum(['grid', 'random', 'tpe'])
        .default('tpe')
        .describe('Every combination, draws, or draws near the better ones of the trials before.'),
      trials: z.int().min(1).optional().describe('Runs to train; default: 20, of a grid all.'),
      seed: z.int().min(0).max(2147483647).default(1).describe('Seed of the draws.'),
      metric: z
        .enum(['validation', 'best'])
        .default('validation')
        .describe('Bits per byte: of the whole validation part at the end, or the best evaluation while training.'),
      tpe: z
        .strictObject({
          startup: z.int().min(1).default(8).describe('Trials that are drawn at random before.'),
          quantile: z.number().gt(0).lt(1).default(0.15).describe('Share of the trials that count as the better ones.'),
          candidates: z.int().min(1).default(24).describe('Draws of which the most promising one is tried.'),
        })
        .prefault({})
        .describe('How the method tpe chooses.'),
      parameters: z
        .record(z.string().min(1), parameter)
        .refine((parameters) => Object.keys(parameters).length > 0, 'expected a key of the recipe at least')
        .describe('Keys of the recipe (train.learningRate, model.layers), and what to try for each.'),
    })
    .superRefine(({ method, parameters }, { addIssue }) => {
      if (method !== 'grid') return;
      for (const [key, { values, points }] of Object.entries(parameters)) {
        if (values ?? points) continue;
        const message = 'expected the number of values of the range that a grid tries';
        addIssue({ code: 'custom', path: ['parameters', key, 'points'], message });
      }
    });
});

type SweepTree = Z.output<ReturnType<typeof sweepSchema>>;

/** What is tried for one key. */
export type SweepParameter = SweepTree['parameters'][string];

/** A sweep with all defaults filled in. */
export type SweepConfig = Omit<SweepTree, 'recipe' | 'settings' | 'name'> & {
  readonly name: string;
  /** The recipe with all that is laid over it: what trials start from. */
  readonly base: ConfigTree;
};

/** What takes the place of keys of a sweep's file. */
export interface SweepChanges {
  readonly trials?: number;
  readonly root?: string;
  /** `key.path=value`, laid over the recipe. */
  readonly settings?: readonly string[];
}

/**
 * Reads the file of a sweep (.yaml or .json) and its recipe, and tries whether every value is one that its key takes.
 * Throws `E_CONFIG` that names every wrong key, `E_FILE` for a file that is missing.
 */
export const resolveSweep = async (file: string, changes: SweepChanges = {}): Promise<SweepConfig> => {
  const { trials, root, settings: overrides = [] } = changes;
  const tree = await loadRecipe(file);
  const given = { ...tree, ...(trials !== undefined && { trials }), ...(root !== undefined && { root }) };
  const { recipe, settings, ...config } = validateConfig(sweepSchema(), given, file);
  const base = mergeTrees(await loadRecipe(await recipePath(recipe, file)), settings);
  return checkSweep(
    { ...config, name: config.name ?? basename(file, extname(file)), base: withSettings(base, overrides) },
    file,
  );
};

/** The settings of one trial, as they are written on the command line. */
export const asOverrides = (settings: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(settings).map(([key, value]) => `${key}=${JSON.stringify(value)}`);

/** Values that do not go together are a matter of the trial that has both; one that its key never takes is told at once. */
const checkSweep = (config: SweepConfig, source: string): SweepConfig => {
  const problems: ConfigProblem[] = [];
  const first: Record<string, unknown> = {};
  for (const [key, parameter] of Object.entries(config.parameters)) {
    if (/^run(\.|$)/.test(key)) {
      problems.push({ key: `parameters.${key}`, problem: 'the sweep itself names the runs; give name and root' });
      continue;
    }
    const values = valuesToCheck(parameter);
    first[key] = values[0];
    const found = values.flatMap((value) => problemsWith(config, key, value));
    problems.push(...found.slice(0, 1));
  }
  if (problems.length > 0) {
    const lines = problems.map(({ key, problem }) => `  ${key}: ${problem}`);
    const count = lines.length === 1 ? 'a problem' : `${lines.length} problems`;
    throw new NonetError('E_CONFIG', `${source} has ${count}:\n${lines.join('\n')}`, { source, problems });
  }
  validateConfig(runConfigSchema(), withSettings(config.base, asOverrides(first)), `the recipe of ${source}`);
  return config;
};

const problemsWith = ({ base }: SweepConfig, parameter: string, value: unknown): ConfigProblem[] => {
  try {
    checkConfig(withSettings(base, asOverrides({ [parameter]: value })), 'a trial', 'trial');
  } catch (error) {
    if (!(error instanceof NonetError)) throw error;
    if (error.code === 'E_USAGE') return [{ key: `parameters.${parameter}`, problem: error.message }];
    const problems = (error.details.problems ?? []) as readonly ConfigProblem[];
    return problems
      .filter(({ key }) => isWithin(key, parameter) || isWithin(parameter, key))
      .map(({ problem }) => ({ key: `parameters.${parameter}`, problem }));
  }
  return [];
};

const isWithin = (key: string, group: string): boolean =>
  key === group || (key.startsWith(group) && /^[.[]/.test(key.slice(group.length)));
