import { CausalConvolution, type Initializer } from '../../nn/index.js';
import type { OlmaxConfig } from './config.js';

/** Scale and shift of the law below. */
const [convScale, convShift] = [4, 8];

/**
 * Learning rate factors of the taps of a convolution, the oldest first: `(1 - 1 / (4 taps + 8))^(taps - tap)` over their sum, so
 * that what lies further back learns more slowly.
 */
export const tapFactors = (taps: number): number[] => {
  const base = 1 - 1 / (taps * convScale + convShift);
  const powers = Array.from({ length: taps }, (_, tap) => base ** (taps - tap));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
};

const factorsOf = ({ learningRateFactors }: OlmaxConfig, taps: number): number | number[] => {
  if (learningRateFactors === 'none') return 1;
  return learningRateFactors === 'mean' ? 1 / taps : tapFactors(taps);
};

/** First values of a matrix of one depth; a convolution's own are normal. */
export const initializerOf = ({ initialisation }: OlmaxConfig): { readonly initializer?: Initializer } =>
  initialisation === 'orthogonal' ? { initializer: { kind: 'orthogonal' } } : {};

/** A convolution of one depth, or one that all depths share. */
export const newConvolution = (
  config: OlmaxConfig,
  [inputs, taps, outputs]: readonly [inputs: number, taps: number, outputs: number],
  { shared = false } = {},
): CausalConvolution =>
  new CausalConvolution({
    ...{ inputs, outputs, taps },
    learningRateScale: factorsOf(config, taps),
    ...(shared ? { initializer: { kind: 'orthogonal' } } : initializerOf(config)),
  });
