export { attentionEntropies, attentionMaps } from './attention-maps.js';
export {
  type BitTransformerConfig,
  type BitTransformerOptions,
  bitTransformerSchema,
  resolveBitTransformer,
} from './config.js';
export type { Decoded } from './decode.js';
export { BitTransformer, type ForwardOptions } from './model.js';
export { type PresetName, presets } from './presets.js';
export { nodeCount } from './tree-head.js';
