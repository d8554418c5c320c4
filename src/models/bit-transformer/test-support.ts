import { constant, type Tensor, type TensorType, type Tree } from '../../tensor/index.js';
import { treeMap } from '../../tensor/tree.js';
import { cacheTypes } from './decode.js';
import type { BitTransformer } from './model.js';

/** A cache of zeros, traced. */
export const emptyCache = (model: BitTransformer, batch: number, length: number): Tree<Tensor> =>
  treeMap(cacheTypes(model, batch, length), isType, ({ shape, dtype }) => constant(0, shape, dtype));

const isType = (value: unknown): value is TensorType => typeof value === 'object' && value !== null && 'shape' in value;
