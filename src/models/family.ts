import type { z as Z } from 'zod';
import { NonetError } from '../core/errors.js';
import { lazily, zod } from '../core/libraries.js';
import { bitTransformerSchema, resolveBitTransformer } from './bit-transformer/config.js';
import { BitTransformer } from './bit-transformer/model.js';
import type { LanguageModel, ModelConfig } from './language-model.js';
import { olmaxSchema, resolveOlmax } from './olmax/config.js';
import { Olmax } from './olmax/model.js';

/** The model section of a recipe: the keys of the family that it names, of the bit transformer where it names none. */
export const modelSchema = lazily(() => {
  const { z } = zod();
  return z.discriminatedUnion('family', [bitTransformerSchema(), olmaxSchema()]);
});

export type ModelOptions = Z.input<ReturnType<typeof modelSchema>>;

/**
 * Fills in what a model section leaves out, and checks that its parts fit.
 *
 * @throws NonetError `E_CONFIG`
 */
export const resolveModel = (options: ModelOptions): ModelConfig =>
  options.family === 'olmax' ? resolveOlmax(options) : resolveBitTransformer(options);

/** The model of a configuration. Throws `E_CONFIG` where parts do not fit. */
export const createModel = (options: ModelOptions): LanguageModel =>
  options.family === 'olmax' ? new Olmax(options) : new BitTransformer(options);

/** The same model, known to be a bit transformer. Throws `E_CONFIG` naming what needs one. */
export const requireBitTransformer = (model: LanguageModel, what: string): BitTransformer => {
  if (model instanceof BitTransformer) return model;
  throw new NonetError('E_CONFIG', `${what}: only the family bit-transformer has it, not ${model.config.family}`);
};
