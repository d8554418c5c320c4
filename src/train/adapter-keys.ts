import type { z as Z } from 'zod';

/** The keys under `adapter`: low-rank adapters on a frozen model. */
export const adapterKeys = (z: typeof Z) =>
  z
    .strictObject({
      rank: z.number().int().min(1).describe('Inner width of the adapters.'),
      alpha: z.number().positive().default(16).describe('What an adapter adds is scaled by alpha / rank.'),
      targets: z
        .array(z.enum(['qkv', 'projection', 'up', 'down']))
        .min(1)
        .default(['qkv', 'projection', 'up', 'down'])
        .describe('Linear layers that get an adapter: two of attention, two of the feed-forward part.'),
    })
    .optional();
