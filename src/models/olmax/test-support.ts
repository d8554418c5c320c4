import type { OlmaxOptions } from './config.js';

/** A model small enough for float64. */
export const tiny = {
  family: 'olmax',
  contextLength: 16,
  features: 6,
  pointwiseFeatures: 8,
  pointwiseKernel: 3,
  innerBottleneckFeatures: 4,
  outerBottleneckKernel: 3,
  innerBottleneckKernel: 2,
  spatialMixingKernel: 4,
  depth: 2,
  heads: 1,
} as const satisfies OlmaxOptions;
