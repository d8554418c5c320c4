import type { z as Z } from 'zod';
import { validateConfig } from '../../core/config.js';
import { NonetError } from '../../core/errors.js';
import { lazily, zod } from '../../core/libraries.js';
import { type PresetName, presets } from './presets.js';

/** The largest patch: its tree head has 4095 nodes. */
export const maxBitsPerPatch = 12;

/** What a recipe says of the model. Every key that is left out comes from the preset. */
export const bitTransformerSchema = lazily(() => {
  const { z } = zod();
  const count = z.int().min(1);
  return z.strictObject({
    // Optional inside, so that a section without it is one of this family.
    family: z.literal('bit-transformer').optional().default('bit-transformer').describe('Family of the model'),
    preset: z
      .enum(['classic', 'nano', 'small', 'base'])
      .default('nano')
      .describe('Named model that fills in all keys that are not given'),
    bitsPerPatch: count
      .max(maxBitsPerPatch)
      .optional()
      .describe('Bits that make one position: 1 is a flat bit model, 8 a byte, 9 a byte with its parity bit'),
    layers: count.max(1000).optional().describe('Number of blocks'),
    dModel: count.optional().describe('Width of the residual stream; a multiple of heads'),
    heads: count.optional().describe('Attention heads of a block'),
    feedForward: count.optional().describe('Inner width of the feed-forward part'),
    activation: z.enum(['gelu', 'swiglu', 'reluSquared']).optional().describe('Bend of the feed-forward part'),
    norm: z.enum(['layer', 'rms']).optional().describe('Kind of normalisation'),
    positions: z.enum(['sinusoidal', 'rotary', 'learned']).optional().describe('How positions are told apart'),
    finalNorm: z.boolean().optional().describe('Whether the state is normalised before the head'),
    tiedHead: z.boolean().optional().describe('Whether head vectors are made from the embeddings under each node'),
    biases: z.boolean().optional().describe('Whether products and norms have a bias'),
    dropout: z.number().min(0).lt(1).optional().describe('Share of activations dropped in training'),
    rank: z
      .int()
      .min(0)
      .optional()
      .describe(
        'Inner width of the products of blocks, as two thin matrices each (low-rank layers); 0: whole matrices',
      ),
    recompute: z
      .enum(['none', 'block', 'segment'])
      .optional()
      .describe(
        'What the backward pass computes again instead of keeping it: each block, or segments of about sqrt(layers)',
      ),
    reversible: z
      .boolean()
      .optional()
      .describe(
        'Two coupled streams, whose values the backward pass rebuilds: memory that does not grow with the layers',
      ),
    act: z
      .boolean()
      .optional()
      .describe('Adaptive computation time: each position ends at a layer of its own and is skipped from there on'),
    actThreshold: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .describe('Sum of halting probabilities at which a position ends; without act it changes nothing'),
    experts: z
      .int()
      .min(0)
      .max(4096)
      .optional()
      .describe('Feed-forward parts of a block, of which each position goes to the few that its gate picks; 0: one'),
    expertsPerToken: count.max(8).optional().describe('Experts that a position goes to; needs experts'),
    gateLayers: z
      .union([z.literal(1), z.literal(2)])
      .optional()
      .describe('Linear layers of the gate that picks the experts; needs experts'),
    softExperts: z
      .boolean()
      .optional()
      .describe('Whether every position goes to every expert, weighted by the gate (dense mixture); needs experts'),
    contextLength: count.optional().describe('Longest sequence, in patches'),
    chunkSize: z
      .int()
      .min(0)
      .optional()
      .describe('Patches that attend to each other and to `overlap` more before them; 0: to all before them'),
    overlap: z
      .int()
      .min(0)
      .optional()
      .describe('Patches around a chunk that it attends to as well; without chunkSize it changes nothing'),
    fullAttentionLogging: z
      .boolean()
      .optional()
      .describe(
        'Whether evaluations while training write the attention maps of the first validation window to the run, stitched to whole ones',
      ),
    classicHead: z.boolean().optional().describe('Two logits per bit instead of one; needs bitsPerPatch 1'),
  });
});

/** The model section of a recipe as a user may write it. */
export type BitTransformerOptions = Z.input<ReturnType<typeof bitTransformerSchema>>;

/** A complete configuration: what a checkpoint holds. */
export type BitTransformerConfig = Required<Z.output<ReturnType<typeof bitTransformerSchema>>>;

/** What a preset decides: all but its own name. */
export type BitTransformerShape = Omit<BitTransformerConfig, 'family' | 'preset'>;

/**
 * Fills in the preset and checks that the parts fit. A complete configuration comes back unchanged.
 *
 * @throws NonetError `E_CONFIG` that names the keys and what they should be.
 */
export const resolveBitTransformer = (options: BitTransformerOptions): BitTransformerConfig => {
  const given = validateConfig(bitTransformerSchema(), { ...options }, 'the model configuration');
  const stated = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const preset: BitTransformerShape = presets[given.preset satisfies PresetName];
  const config: BitTransformerConfig = { family: given.family, preset: given.preset, ...preset, ...stated };
  checkParts(config);
  return config;
};

const checkParts = (config: BitTransformerConfig): void => {
  const { dModel, heads, positions, bitsPerPatch, classicHead, tiedHead } = config;
  const headDim = dModel / heads;
  if (!Number.isInteger(headDim)) {
    throw wrong(`dModel ${dModel} does not divide into ${heads} heads`, 'choose a dModel that is a multiple of heads');
  }
  if (headDim > 256)
    throw wrong(`dModel ${dModel} over ${heads} heads is ${headDim} a head`, 'the most is 256; use more heads');
  if (positions === 'rotary' && headDim % 2 !== 0) {
    throw wrong(
      `rotary positions turn pairs, but dModel / heads is ${headDim}`,
      'make it even, or use other positions',
    );
  }
  if (classicHead && bitsPerPatch !== 1) {
    throw wrong(`classicHead predicts one bit, but bitsPerPatch is ${bitsPerPatch}`, 'set classicHead: false');
  }
  checkExperts(config);
  if (classicHead && tiedHead) throw wrong('classicHead and tiedHead exclude each other', 'set one of them to false');
};

const checkExperts = ({ experts, expertsPerToken, softExperts, gateLayers }: BitTransformerConfig): void => {
  if (experts === 0) {
    const without = (key: string): NonetError => wrong(`${key} is set, but there are no experts`, 'give their number');
    if (softExperts) throw without('softExperts');
    if (expertsPerToken > 1) throw without('expertsPerToken');
    if (gateLayers > 1) throw without('gateLayers');
  } else if (softExperts && expertsPerToken > 1) {
    const what = `softExperts sends each position to all experts, but expertsPerToken is ${expertsPerToken}`;
    throw wrong(what, 'leave one of them out');
  } else if (expertsPerToken > experts) {
    const what = `each position goes to ${expertsPerToken} of ${experts} experts`;
    throw wrong(what, 'lower expertsPerToken, or add experts');
  }
};

const wrong = (what: string, advice: string): NonetError => new NonetError('E_CONFIG', `model: ${what}; ${advice}`);
