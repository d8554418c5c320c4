export { writesBytes } from './frames.js';
export { createGenerator, type GenerateResult, type Generator, generate } from './generate.js';
export type { GenerateOptions } from './prompts.js';
export type { GeneratedRow, StopReason } from './row.js';
export { type SamplingOptions, samplingRanges } from './sampling.js';
