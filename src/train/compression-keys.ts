import type { z as Z } from 'zod';

/** The keys under `train.compression`: batches that are compressed or made of compressed data. */
export const compressionKeys = (z: typeof Z) => {
  const share = z.number().min(0).max(1);
  return z
    .strictObject({
      start: share.default(0).describe('Probability at the first step that a batch is compressed or direct.'),
      end: share.default(0.5).describe('The same from train.compression.steps on; a half cosine lies between.'),
      steps: z.number().int().min(0).optional().describe('Steps of the ramp; default: those of the warm-up.'),
      direct: share
        .default(0)
        .describe(
          'Share of these batches that are direct, made of the run-length code itself; the rest only travels as code.',
        ),
    })
    .optional();
};
