import {
  type Clipped,
  clipByGlobalNorm,
  clipByRunningNorm,
  clipByValue,
  clipByWeightNorm,
  type RunningNorm,
  runningNormTypes,
  type Scaled,
} from '../optim/index.js';
import { minimum, mul, square, type Tensor, type TensorType, type Tree, treeMap } from '../tensor/index.js';
import { isTensor } from '../transform/index.js';
import type { RunConfig } from './config.js';

/** The keys under `train` that clipping follows: the norm, unless told. */
export type ClippingConfig = Partial<
  Pick<RunConfig['train'], 'clipKind' | 'clip' | 'clipFactor' | 'clipBeta' | 'clipRatio'>
>;

/** What clipping keeps from step to step: nothing, but for adaptive clipping. */
export interface ClippingState<L> {
  readonly clip?: RunningNorm<L>;
}

export const clippingStateTypes = ({ clipKind }: ClippingConfig): ClippingState<TensorType> =>
  clipKind === 'adaptive' ? { clip: runningNormTypes } : {};

/** Gradients, and the squares of those of single examples where the optimizer asks for them. */
export interface Gradients {
  readonly gradients: Tree<Tensor>;
  readonly squares?: Tree<Tensor>;
}

/** Gradients as an optimizer gets them, their norm before, and what is kept. */
export const clipGradients = (
  { gradients, squares }: Gradients,
  parameters: Tree<Tensor>,
  { clip: running }: ClippingState<Tensor>,
  { clipKind = 'norm', clip = 1, clipFactor = 2, clipBeta = 0.98, clipRatio = 0.001 }: ClippingConfig,
): Clipped & { squares?: Tree<Tensor>; state: ClippingState<Tensor> } => {
  const squaresBy = (change: (leaf: Tensor) => Tensor) =>
    squares && { squares: treeMap<Tensor, Tensor>(squares, isTensor, change) };
  // Squares of what is scaled are scaled by the square.
  const scaled = (result: Scaled) => ({ ...result, ...squaresBy((leaf) => mul(leaf, square(result.factor))) });
  switch (clipKind) {
    case 'norm':
      return { ...scaled(clipByGlobalNorm(gradients, clip)), state: {} };
    case 'value':
      return { ...clipByValue(gradients, clip), ...squaresBy((leaf) => minimum(leaf, clip ** 2)), state: {} };
    case 'weight':
      return { ...clipByWeightNorm({ gradients, ...(squares && { squares }) }, parameters, clipRatio), state: {} };
    case 'adaptive': {
      const clipped = clipByRunningNorm(gradients, running!, { factor: clipFactor, beta: clipBeta });
      return { ...scaled(clipped), state: { clip: clipped.running } };
    }
  }
};
