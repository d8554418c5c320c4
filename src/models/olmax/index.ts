export { type OlmaxConfig, type OlmaxOptions, olmaxSchema, resolveOlmax } from './config.js';
export { Olmax } from './model.js';
