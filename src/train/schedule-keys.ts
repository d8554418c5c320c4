import type { z as Z } from 'zod';

/** What `train.schedule` can be. */
export const schedules = [
  'constant',
  'cosine',
  'cosineRestarts',
  'exponential',
  'linear',
  'oneCycle',
  'progressivePlateau',
] as const;

/** The keys under `train` that say how the learning rate changes. */
export const scheduleKeys = (z: typeof Z) => ({
  learningRate: z.number().positive().default(1e-3).describe('Peak learning rate.'),
  minLearningRate: z
    .number()
    .min(0)
    .default(0)
    .describe('Where cosine, cosineRestarts and linear end; progressivePlateau does not go below.'),
  schedule: z.enum(schedules).default('cosine').describe('How the learning rate changes over the steps.'),
  warmupSteps: z.number().int().min(0).default(50).describe('Steps of linear warm-up (all but oneCycle).'),
  warmupShare: z.number().min(0).max(1).default(0.3).describe('Share of the steps that warm up (oneCycle).'),
  finalDivisor: z.number().min(1).default(1e4).describe('oneCycle ends at the peak divided by this.'),
  rateDecay: z
    .number()
    .min(0)
    .lt(1)
    .default(3e-6)
    .describe('Share of the learning rate that each step takes away (exponential).'),
  restartPeriod: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('Steps of the first cycle of cosineRestarts; default: three cycles fill the run.'),
  restartMultiplier: z
    .number()
    .min(1)
    .default(2)
    .describe('Each cycle of cosineRestarts is as many times as long as the one before.'),
  plateauPatience: z
    .number()
    .int()
    .positive()
    .default(3)
    .describe('Evaluations in a row without improvement after which progressivePlateau lowers the rate.'),
  plateauMinChange: z
    .number()
    .min(0)
    .default(0.002)
    .describe('Bits per byte by which an evaluation must be better to count (progressivePlateau).'),
  plateauWarmupSteps: z
    .number()
    .int()
    .min(0)
    .default(100)
    .describe('Steps over which progressivePlateau raises the rate again after it was lowered.'),
});
