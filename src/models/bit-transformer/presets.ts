import type { BitTransformerShape } from './config.js';

export type PresetName = 'classic' | 'nano' | 'small' | 'base';

/** Bytes as positions, and the parts that gave `nano` the fewest bits per byte; docs/log.md has the figures. */
const modern = {
  bitsPerPatch: 8,
  activation: 'swiglu',
  norm: 'rms',
  positions: 'rotary',
  finalNorm: true,
  tiedHead: true,
  biases: false,
  dropout: 0,
  rank: 0,
  recompute: 'none',
  reversible: false,
  act: false,
  actThreshold: 0.99,
  experts: 0,
  expertsPerToken: 1,
  gateLayers: 1,
  softExperts: false,
  classicHead: false,
  chunkSize: 0,
  overlap: 16,
  fullAttentionLogging: false,
} as const;

/** Feed-forward widths are about 8/3 of the model's, which gives the gated form as many weights as 4 gives a plain one. */
export const presets: Readonly<Record<PresetName, BitTransformerShape>> = {
  /** The flat bit transformer as BitTransformerLM has it: 16,824,322 parameters. */
  classic: {
    bitsPerPatch: 1,
    layers: 8,
    dModel: 512,
    heads: 16,
    feedForward: 1024,
    activation: 'gelu',
    norm: 'layer',
    positions: 'sinusoidal',
    finalNorm: false,
    tiedHead: false,
    biases: true,
    dropout: 0,
    rank: 0,
    recompute: 'none',
    reversible: false,
    act: false,
    actThreshold: 0.99,
    experts: 0,
    expertsPerToken: 1,
    gateLayers: 1,
    softExperts: false,
    contextLength: 1024,
    chunkSize: 0,
    overlap: 16,
    fullAttentionLogging: false,
    classicHead: true,
  },
  /** About 0.8 million parameters: minutes on a laptop. */
  nano: { ...modern, layers: 4, dModel: 128, heads: 4, feedForward: 352, contextLength: 128 },
  /** About 5 million parameters: an hour. */
  small: { ...modern, layers: 6, dModel: 256, heads: 4, feedForward: 704, contextLength: 256 },
  /** About 26 million parameters: a day. */
  base: { ...modern, layers: 8, dModel: 512, heads: 8, feedForward: 1408, contextLength: 512 },
};
