import type { z as Z } from 'zod';

/** The keys under `train` that say what happens when evaluations or losses turn bad. */
export const watchKeys = (z: typeof Z) => ({
  earlyStopping: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('End after this many evaluations in a row without a new best; 0: never.'),
  keepBest: z
    .boolean()
    .default(true)
    .describe('Whether the checkpoint of the best evaluation stays beside the newest: RUN@best.'),
  spike: z
    .enum(['off', 'skip', 'rewind'])
    .default('off')
    .describe('At a loss far above the running mean: nothing, leave the step out, or go back to the last checkpoint.'),
  spikeFactor: z.number().gt(1).default(1.5).describe('A loss above the running mean times this is a spike.'),
});
