import {
  type Clipped,
  clipByGlobalNorm,
  clipByRunningNorm,
  clipByValue,
  type RunningNorm,
  runningNormTypes,
} from '../optim/index.js';
import type { Tensor, TensorType, Tree } from '../tensor/index.js';
import type { RunConfig } from './config.js';

/** The keys under `train` that clipping follows: the norm, unless told. */
export type ClippingConfig = Partial<Pick<RunConfig['train'], 'clipKind' | 'clip' | 'clipFactor' | 'clipBeta'>>;

/** What clipping keeps from step to step: nothing, but for adaptive clipping. */
export interface ClippingState<L> {
  readonly clip?: RunningNorm<L>;
}

export const clippingStateTypes = ({ clipKind }: ClippingConfig): ClippingState<TensorType> =>
  clipKind === 'adaptive' ? { clip: runningNormTypes } : {};

/** Gradients as an optimizer gets them, their norm before, and what is kept. */
export const clipGradients = (
  gradients: Tree<Tensor>,
  { clip: running }: ClippingState<Tensor>,
  { clipKind = 'norm', clip = 1, clipFactor = 2, clipBeta = 0.98 }: ClippingConfig,
): Clipped & { state: ClippingState<Tensor> } => {
  switch (clipKind) {
    case 'norm':
      return { ...clipByGlobalNorm(gradients, clip), state: {} };
    case 'value':
      return { ...clipByValue(gradients, clip), state: {} };
    case 'adaptive': {
      const clipped = clipByRunningNorm(gradients, running!, { factor: clipFactor, beta: clipBeta });
      return { ...clipped, state: { clip: clipped.running } };
    }
  }
};
