export {
  type AttentionLookOptions,
  type AttentionWindow,
  attentionEntropies,
  attentionMaps,
  attentionWindowMaps,
  attentionWindows,
} from './attention-maps.js';
export {
  type BitTransformerConfig,
  type BitTransformerOptions,
  bitTransformerSchema,
  resolveBitTransformer,
} from './config.js';
export type { Decoded } from './decode.js';
export { BitTransformer, type CompressedTensors, type Forward, type ForwardOptions, type Pondered } from './model.js';
export { type PresetName, presets } from './presets.js';
export type { Routed } from './routing.js';
export { requireStreamable, type StreamWindow, streamObstacle } from './stream.js';
export { bitCosts, errorLogits, nodeCount } from './tree-head.js';
