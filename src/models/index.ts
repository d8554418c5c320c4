export * from './bit-transformer/index.js';
export { createModel, type ModelOptions, modelSchema, requireBitTransformer, resolveModel } from './family.js';
export type { LanguageModel, ModelConfig, ModelTraits } from './language-model.js';
export * from './olmax/index.js';
