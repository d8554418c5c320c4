import type { z as Z } from 'zod';
import { validateConfig } from '../../core/config.js';
import { NonetError } from '../../core/errors.js';
import { lazily, zod } from '../../core/libraries.js';

/** What a recipe says of an olmax model, with the names of the public Olmax project where it has one. */
export const olmaxSchema = lazily(() => {
  const { z } = zod();
  const count = z.int().min(1);
  return z.strictObject({
    family: z.literal('olmax').describe('Family of the model'),
    contextLength: count.default(1024).describe('Longest sequence, in patches'),
    features: count.default(256).describe('Width of the two residual streams'),
    pointwiseFeatures: count.default(512).describe('Inner width of the dense blocks'),
    pointwiseKernel: count.max(4096).default(5).describe('Taps of both convolutions of a dense block'),
    innerBottleneckFeatures: count.default(128).describe('Width of the bottleneck, on each device'),
    outerBottleneckKernel: count
      .max(4096)
      .default(25)
      .describe('Taps of the first and the last convolution of a bottleneck'),
    innerBottleneckKernel: count
      .max(4096)
      .default(49)
      .describe('Taps of the middle convolution of a bottleneck, which all depths share'),
    spatialMixingKernel: z
      .int()
      .min(2)
      .default(32)
      .describe('Side of the matrices of the axial mixer; divides contextLength'),
    depth: count.max(1000).default(8).describe('Blocks of dense block, bottleneck, dense block and mixer'),
    devices: z
      .union([z.literal(1), z.literal(2), z.literal(4), z.literal(8)])
      .default(1)
      .describe(
        'Devices with parameters of their own that exchange features in the bottleneck; simulated in one process',
      ),
    leakySlope: z.number().min(0).max(1).default(0.01).describe('Slope of the leaky ReLU below zero'),
    normPlacement: z
      .enum(['sandwich', 'pre', 'post'])
      .default('sandwich')
      .describe('Where a residual branch is normalised: before and behind its body, or one of the two'),
    norm: z
      .enum(['rootSum', 'rms', 'layer'])
      .default('rootSum')
      .describe('Kind of normalisation: by the root of the sum of squares, of their mean, or LayerNorm'),
    mixing: z
      .enum(['mixer', 'attention', 'both', 'none'])
      .default('mixer')
      .describe('What ends a block: the axial mixer, attention, the sum of both, or nothing'),
    heads: count.default(4).describe('Attention heads, with mixing attention or both'),
    reversible: z
      .boolean()
      .default(true)
      .describe(
        'Whether the backward pass rebuilds activations instead of keeping them: memory does not grow with depth',
      ),
    recompute: z
      .enum(['none', 'block'])
      .default('none')
      .describe('Of a model that is not reversible: whether the backward pass computes residual branches again'),
    initialisation: z
      .enum(['gaussian', 'orthogonal'])
      .default('gaussian')
      .describe(
        'First weights of each depth: orthogonal, or normal with the deviation of such; shared ones are orthogonal',
      ),
    learningRateFactors: z
      .enum(['perTap', 'mean', 'none'])
      .default('perTap')
      .describe('Learning rate of convolutions: a factor for each tap, their mean 1 / taps, or that of all weights'),
    head: z
      .enum(['softmax', 'tree'])
      .default('softmax')
      .describe('What the output is: logits of the 256 bytes, or of the 255 nodes of the binary tree over their bits'),
    zLoss: z
      .number()
      .min(0)
      .optional()
      .describe(
        'Weight of the squared log-sum-exp of the logits, in the gradient alone: 0.01 unless told, 0 with head tree',
      ),
  });
});

/** The model section of a recipe of this family as a user may write it. */
export type OlmaxOptions = Z.input<ReturnType<typeof olmaxSchema>>;

/** A complete configuration: what a checkpoint holds. */
export type OlmaxConfig = Required<Z.output<ReturnType<typeof olmaxSchema>>>;

/**
 * Fills in the defaults and checks that the parts fit. A complete configuration comes back unchanged.
 *
 * @throws NonetError `E_CONFIG` that names the keys and what they should be.
 */
export const resolveOlmax = (options: OlmaxOptions): OlmaxConfig => {
  const given = validateConfig(olmaxSchema(), { ...options }, 'the model configuration');
  const config = { ...given, zLoss: given.zLoss ?? (given.head === 'softmax' ? 0.01 : 0) };
  const { contextLength, spatialMixingKernel, devices, features, heads, mixing, head, zLoss } = config;
  if (head === 'tree' && zLoss !== 0) {
    throw wrong(`zLoss ${zLoss} is of softmax, which head tree has not`, 'leave it out, or set head: softmax');
  }
  const mixes = mixing === 'mixer' || mixing === 'both';
  if (mixes && contextLength % spatialMixingKernel !== 0) {
    const what = `contextLength ${contextLength} is no multiple of spatialMixingKernel ${spatialMixingKernel}`;
    throw wrong(what, fittingSizes(contextLength, spatialMixingKernel));
  }
  if (contextLength % devices !== 0) {
    throw wrong(
      `contextLength ${contextLength} is no multiple of devices ${devices}`,
      'positions are dealt to devices',
    );
  }
  const headDim = features / heads;
  if ((mixing === 'attention' || mixing === 'both') && (headDim % 2 !== 0 || headDim > 256)) {
    const what = `features ${features} over ${heads} heads is ${headDim} a head`;
    throw wrong(what, 'it must be an even number up to 256: change heads');
  }
  return config;
};

/** What would make a context length a multiple of the kernel: another kernel, or the lengths on both sides. */
const fittingSizes = (contextLength: number, kernel: number): string => {
  const below = contextLength - (contextLength % kernel);
  const lengths = [below, below + kernel].filter((length) => length > 0).join(' or ');
  const divisor = nearestDivisor(contextLength, kernel);
  return `set ${divisor > 1 ? `spatialMixingKernel to ${divisor}, or ` : ''}contextLength to ${lengths}`;
};

/** The divisor of `of`, from 2 on, that is nearest to a number. */
const nearestDivisor = (of: number, to: number): number => {
  let best = of;
  for (let n = 2; n <= of; n++) if (of % n === 0 && Math.abs(n - to) < Math.abs(best - to)) best = n;
  return best;
};

const wrong = (what: string, advice: string): NonetError => new NonetError('E_CONFIG', `model: ${what}; ${advice}`);
