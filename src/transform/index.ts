export { backward } from './backward.js';
export {
  type BackwardContext,
  type Cotangents,
  customGradient,
  type RecomputeOptions,
  recompute,
  vjp,
} from './custom.js';
export { grad, isTensor, valueAndGrad, withSquaredGradients } from './grad.js';
export { type Branch, couple, reversible, type Streams, uncouple } from './reversible.js';
export { sumOfCotangents, withSquare } from './squares.js';
export { type Axes, type VmapOptions, vmap } from './vmap.js';
