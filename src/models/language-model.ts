import type { RandomSource, Tensor, TensorType, Tree } from '../tensor/index.js';
import type { BitTransformerConfig } from './bit-transformer/config.js';
import type { Decoded } from './bit-transformer/decode.js';
import type { Forward, ForwardOptions } from './bit-transformer/model.js';
import type { OlmaxConfig } from './olmax/config.js';

/** The complete configuration of a model, told apart by `family`. */
export type ModelConfig = BitTransformerConfig | OlmaxConfig;

/** What a model does that training, evaluation and generation have to know of. */
export interface ModelTraits {
  readonly layers: number;
  /** Whether positions halt at layers of their own. */
  readonly act: boolean;
  /** Experts that each position goes to some of; 0: none. */
  readonly experts: number;
}

/**
 * A causal model of patches of P bits (B sequences of C patches), whatever it is made of: what training, evaluation and
 * generation work with. Its prediction of a patch are the logits of the N = 2^P - 1 nodes of a binary tree (tree-head.ts of the
 * bit transformer), so that bits, patches and bytes all have exact probabilities. Every method traces and is called within
 * `bind`. What is optional not every family has.
 */
export interface LanguageModel {
  readonly config: ModelConfig;
  readonly bitsPerPatch: number;
  /** Longest sequence, in patches. */
  readonly contextLength: number;
  readonly traits: ModelTraits;

  /**
   * Of patches i32 [B, C + 1] the mean nats per bit, an f32 scalar, and of models that predict patches as a whole the share of
   * those that were predicted right.
   */
  losses(
    patches: Tensor,
    options?: { readonly random?: RandomSource },
  ): { readonly loss: Tensor; readonly accuracy?: Tensor };
  /** Node logits [B, C, N] of inputs i32 [B, C]. */
  forward(inputs: Tensor, options?: ForwardOptions): Forward;
  /** ln of the probability of every patch value: nodes [n, N] to [n, 2^P]. */
  leafLogProbabilities(nodes: Tensor): Tensor;
  /** Types of what `decode` keeps of `batch` sequences of up to `length` patches. */
  cacheTypes(batch: number, length: number): Tree<TensorType>;
  /**
   * Node logits of inputs i32 [B, n] that follow on the `position[b]` patches in the cache. What was written there for
   * positions from `position[b]` on is overwritten, unless it lies more than 64 positions ahead.
   */
  decode(cache: Tree<Tensor>, inputs: Tensor, position: Tensor): Decoded;

  /** Of models whose patches may be shorter than a byte: nodes of every prefix of the next byte; see decode-tree.ts. */
  prefixNodes?(cache: Tree<Tensor>, lastPatch: Tensor, position: Tensor): Tensor;
  /** Of models that take a stream window by window: see `BitTransformer.streamTypes`. */
  streamTypes?(batch: number): Tree<TensorType>;
  /** Of reversible models: see `BitTransformer.reconstructionError`. */
  reconstructionError?(inputs: Tensor): Tensor;
}
