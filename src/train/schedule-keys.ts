import type { z as Z } from 'zod';

/** The keys under `train` that say how the learning rate changes. */
export const scheduleKeys = (z: typeof Z) => ({
  learningRate: z.number().positive().default(1e-3).describe('Peak learning rate.'),
  minLearningRate: z.number().min(0).default(0).describe('Where the cosine schedule ends.'),
  schedule: z
    .enum(['constant', 'cosine', 'oneCycle'])
    .default('cosine')
    .describe('How the learning rate changes over the steps.'),
  warmupSteps: z.number().int().min(0).default(50).describe('Steps of linear warm-up (constant, cosine).'),
  warmupShare: z.number().min(0).max(1).default(0.3).describe('Share of the steps that warm up (oneCycle).'),
  finalDivisor: z.number().min(1).default(1e4).describe('oneCycle ends at the peak divided by this.'),
});
