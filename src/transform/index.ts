export { backward } from './backward.js';
export {
  type BackwardContext,
  type Cotangents,
  customGradient,
  type RecomputeOptions,
  recompute,
  vjp,
} from './custom.js';
export { grad, isTensor, valueAndGrad } from './grad.js';
export { type Branch, couple, reversible, type Streams, uncouple } from './reversible.js';
export { type Axes, type VmapOptions, vmap } from './vmap.js';
