import { basename, extname } from 'node:path';
import type { z as Z } from 'zod';
import { applyOverrides, type ConfigTree, loadRecipe, validateConfig } from '../core/config.js';
import { NonetError } from '../core/errors.js';
import { lazily, zod } from '../core/libraries.js';
import { recipePath } from '../core/recipe-path.js';
import { maxThreads } from '../core/threads.js';
import { formatOptions } from '../data/formats.js';
import { modelSchema, resolveModel } from '../models/index.js';
import { adapterKeys } from './adapter-keys.js';
import { compressionKeys } from './compression-keys.js';
import { requireFamily } from './family-config.js';
import { optimizerKeys } from './optimizer-keys.js';
import { scheduleKeys } from './schedule-keys.js';
import { requireStreamConfig } from './stream-config.js';
import { traceKeys } from './trace-keys.js';
import { watchKeys } from './watch-keys.js';

/** Everything a run needs, as one tree: what recipes are checked against and `nonet config` prints. */
export const runConfigSchema = lazily(() => {
  const { z } = zod();
  const paths = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

  const dataSchema = z.strictObject({
    path: paths.describe(
      'Files, folders or patterns to learn from: text, any binary, JSONL, TFRecord, WikiText; each also as .gz or .zst. debug:BYTES needs no file.',
    ),
    format: z.enum(formatOptions).default('auto').describe('What the files are; auto goes by the extension.'),
    textField: z
      .string()
      .default('text')
      .describe('The field of a JSONL line, or the feature of a TFRecord record, that holds the text.'),
    separator: z
      .number()
      .int()
      .min(0)
      .max(255)
      .default(10)
      .describe('The byte between two documents of JSONL or WikiText.'),
    damaged: z
      .enum(['error', 'skip'])
      .default('error')
      .describe('What a TFRecord record that is damaged or cannot be read is: an error, or left out with a warning.'),
    validationPath: paths.optional().describe('Files of the validation part; without them it is the end of the data.'),
    validationShare: z.number().gt(0).lt(1).default(0.1).describe('Share of the data that is kept for validation.'),
    splitUnit: z.enum(['bytes', 'characters']).default('bytes').describe('What the share is counted in.'),
    parity: z.boolean().default(false).describe('Follow every byte by an even-parity bit: 9 bits a byte.'),
    shuffleBytes: z
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('Bytes of data among which windows are shuffled, region by region; 0: all of it.'),
    interleave: z
      .number()
      .int()
      .min(1)
      .max(1024)
      .default(1)
      .describe('Files, or equal parts of the data where there are fewer, read side by side with data.shuffleBytes.'),
    workers: z
      .number()
      .int()
      .min(0)
      .max(16)
      .default(0)
      .describe('Threads that make batches ahead of time; 0: the main thread does. Never changes a result.'),
  });

  const trainKeys = z.strictObject({
    steps: z
      .number()
      .int()
      .positive()
      .default(1000)
      .describe(
        'Optimizer steps; the learning rate schedule ends with them. Where a recipe has minutes or epochs too, those count.',
      ),
    minutes: z
      .number()
      .positive()
      .optional()
      .describe('Train about this long: turned into steps by a speed probe at the start.'),
    epochs: z
      .number()
      .int()
      .positive()
      .optional()
      .describe('Passes over the data, each window exactly once: instead of windows at random for a number of steps.'),
    extraSteps: z
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('Micro-batches of windows at random that follow on every epoch.'),
    stream: z
      .boolean()
      .default(false)
      .describe(
        'Rows of a batch are streams that walk through the data in order; each window sees the end of the one before. Needs model.chunkSize and overlap.',
      ),
    batchSize: z.number().int().positive().default(16).describe('Windows per micro-batch.'),
    accumulation: z.number().int().positive().default(1).describe('Micro-batches whose gradients make one step.'),
    stepsPerCall: z
      .number()
      .int()
      .positive()
      .max(4096)
      .default(1)
      .describe(
        'Steps that one call into the native core does, the same bits. Evaluations, checkpoints, samples and a trace cut it short. With accumulation it stays one step a call.',
      ),
    compression: compressionKeys(z),
    ...optimizerKeys(z),
    ...scheduleKeys(z),
    labelSmoothing: z
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe('Share of the truth of each bit that is given to both its values alike.'),
    ponderWeight: z
      .number()
      .min(0)
      .default(0.02)
      .describe(
        'Nats per bit that each block costs a position; larger: positions end earlier. Without model.act it changes nothing.',
      ),
    ponderFocus: z
      .number()
      .min(0)
      .max(16)
      .default(6)
      .describe(
        'Power of the probability of what comes next by which a position weighs in that; 0: all alike, larger: sure ones end earlier.',
      ),
    balanceWeight: z
      .number()
      .min(0)
      .default(0.01)
      .describe('Weight of the loss that spreads positions evenly over experts, with model.experts.'),
    routerZWeight: z
      .number()
      .min(0)
      .default(0.001)
      .describe('Weight of the loss that keeps the logits of their gates small, with model.experts.'),
    ...watchKeys(z),
    evaluateEvery: z
      .number()
      .int()
      .min(0)
      .default(500)
      .describe('Steps between evaluations on the validation part; 0: only at the end.'),
    evaluateBytes: z
      .number()
      .int()
      .positive()
      .default(65536)
      .describe('Validation bytes of the evaluations while training; the last one takes all.'),
    checkpointEvery: z
      .number()
      .int()
      .min(0)
      .default(500)
      .describe('Steps between checkpoints; 0: only at start and end.'),
    keepCheckpoints: z.number().int().min(2).default(2).describe('Newest checkpoints that stay.'),
    sampleEvery: z.number().int().min(0).default(0).describe('Steps between samples; 0: none.'),
    sampleBytes: z.number().int().positive().default(160).describe('Bytes of a sample.'),
    tensorboard: z
      .boolean()
      .default(false)
      .describe('Whether the run writes event files for TensorBoard: curves, weights, samples, configuration.'),
    logEvery: z.number().int().positive().default(1).describe('Steps between rows of metrics.jsonl.'),
  });

  const trainSchema = trainKeys.superRefine(({ evaluateEvery, schedule, earlyStopping, ...train }, { addIssue }) => {
    if (train.epochs !== undefined && train.minutes !== undefined) {
      addIssue({ code: 'custom', path: ['epochs'], message: 'and train.minutes both say how long to train: give one' });
    }
    if (train.epochs === undefined && train.extraSteps > 0) {
      addIssue({ code: 'custom', path: ['extraSteps'], message: 'but there are no epochs: give train.epochs' });
    }
    if (train.stepsPerCall > 1 && train.compression) {
      const message =
        'but the batches of train.compression differ in size and cannot be stacked: leave one of them out';
      addIssue({ code: 'custom', path: ['stepsPerCall'], message });
    }
    if (train.stepsPerCall > 1 && train.spike !== 'off') {
      const message = `but train.spike ${train.spike} looks at the loss of each step before the next: turn one of them off`;
      addIssue({ code: 'custom', path: ['stepsPerCall'], message });
    }
    if (evaluateEvery > 0 || (schedule !== 'progressivePlateau' && earlyStopping === 0)) return;
    const what = earlyStopping > 0 ? 'train.earlyStopping' : 'train.schedule progressivePlateau';
    const message = `but ${what} follows the evaluations: give the steps between two of them`;
    addIssue({ code: 'custom', path: ['evaluateEvery'], message });
  });

  return z.strictObject({
    run: z
      .strictObject({
        name: z
          .string()
          .refine((name) => /^(?!\.{1,2}$)[^/\\]+$/.test(name), 'expected the name of a folder, without slashes')
          .optional()
          .describe('Name of the run, its folder under run.root; default: that of the recipe.'),
        root: z.string().min(1).default('runs').describe('Where runs lie.'),
      })
      .prefault({}),
    seed: z
      .number()
      .int()
      .min(0)
      .max(2147483647)
      .default(1337)
      .describe('Seed of weights, batches, dropout and samples.'),
    threads: z
      .number()
      .int()
      .min(1)
      .max(maxThreads)
      .optional()
      .describe('Native threads; default: all cores. Never changes a result.'),
    precision: z
      .enum(['float32', 'bf16'])
      .default('float32')
      .describe('Of training: float32, or bf16 for products, attention and what is kept of activations (less memory).'),
    data: dataSchema,
    model: modelSchema().prefault({}),
    train: trainSchema.prefault({}),
    trace: traceKeys(z),
    init: z
      .strictObject({
        from: z
          .string()
          .min(1)
          .optional()
          .describe('A run, RUN@best or checkpoint whose weights are the start (fine-tuning).'),
      })
      .prefault({}),
    adapter: adapterKeys(z),
  });
});

export type RunConfig = Z.output<ReturnType<typeof runConfigSchema>> & { readonly run: { readonly name: string } };

/**
 * A recipe, given by its path or by the name of one that comes with nonet, with overrides (`key.path=value`) and defaults
 * filled in.
 * Throws `E_CONFIG` naming every wrong key, `E_USAGE` for an override that is no assignment, `E_FILE` for a missing recipe.
 */
export const resolveConfig = async (
  recipe: string | undefined,
  overrides: readonly string[] = [],
): Promise<RunConfig> => {
  const tree = recipe === undefined ? {} : await loadRecipe(await recipePath(recipe));
  const source = recipe ?? 'the command line';
  const name = recipe === undefined ? 'run' : basename(recipe, extname(recipe));
  return checkConfig(withSettings(tree, overrides), source, name);
};

/** What says how long to train: each alone, but for the steps that a time or the epochs were turned into. */
const lengths = ['steps', 'epochs', 'minutes'];

/**
 * A tree with settings of the command line. A length among them is meant, even where the tree has another one.
 * Throws `E_CONFIG` for two lengths among them.
 */
export const withSettings = (tree: ConfigTree, overrides: readonly string[]): ConfigTree => {
  const sets = (key: string): boolean => overrides.some((override) => override.startsWith(`train.${key}=`));
  const [given, other] = lengths.filter(sets);
  if (other !== undefined) {
    const message = `train.${given}: train.${other} says how long to train as well: give one of them.`;
    throw new NonetError('E_CONFIG', message, { given, other });
  }
  const { train } = tree;
  if (!lengths.some(sets) || typeof train !== 'object' || train === null) return applyOverrides(tree, [...overrides]);
  const dropped = lengths.filter((key) => !sets(key));
  if (!sets('epochs')) dropped.push('extraSteps');
  const kept = Object.entries(train).filter(([key]) => !dropped.includes(key));
  return applyOverrides({ ...tree, train: Object.fromEntries(kept) }, [...overrides]);
};

/** The same for a tree that is there already, such as the stored configuration of a run. */
export const checkConfig = (tree: ConfigTree, source: string, name: string): RunConfig => {
  const config = validateConfig(runConfigSchema(), tree, source);
  if (config.adapter && config.init.from === undefined) {
    const message = `${source}: adapter: builds on a trained model: give its run as init.from.`;
    throw new NonetError('E_CONFIG', message, { source });
  }
  const { run, model } = config;
  const resolved = { ...config, model: resolveModel(model), run: { ...run, name: run.name ?? name } };
  requireStreamConfig(resolved);
  if (config.data.interleave > 1 && config.data.shuffleBytes === 0) {
    const message = `${source}: data.interleave: is ${config.data.interleave}, but windows are shuffled over all of the data: give data.shuffleBytes.`;
    throw new NonetError('E_CONFIG', message, { source });
  }
  requireFamily(resolved);
  return resolved;
};
