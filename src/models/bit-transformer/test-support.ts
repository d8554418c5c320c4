import { HostArray } from '../../compile/host-array.js';
import { f32, randomParameters } from '../../nn/test-support.js';
import { constant, type Tensor, type TensorType, type Tree } from '../../tensor/index.js';
import { treeMap } from '../../tensor/tree.js';
import { cacheTypes } from './decode.js';
import type { BitTransformer } from './model.js';

/** A cache of zeros, traced. */
export const emptyCache = (model: BitTransformer, batch: number, length: number): Tree<Tensor> =>
  zerosOf(cacheTypes(model, batch, length));

/** Zeros of such types, traced. */
export const zerosOf = (types: Tree<TensorType>): Tree<Tensor> =>
  treeMap(types, isType, ({ shape, dtype }) => constant(0, shape, dtype));

const isType = (value: unknown): value is TensorType => typeof value === 'object' && value !== null && 'shape' in value;

/**
 * Random values for a model with `act` whose positions halt at different blocks; with a bias, all units have that one and
 * look at nothing else.
 */
export const haltingParameters = (model: BitTransformer, seed: number, bias?: number): Tree<HostArray> =>
  treeMap<HostArray, HostArray>(randomParameters(model, seed, 0.2), isArray, (array, path) => {
    if (path.endsWith('halting.bias')) return f32([bias ?? -0.8]);
    if (!path.endsWith('halting.weight')) return array;
    return f32(
      Array.from(array.data, (x) => (bias === undefined ? 8 * x : 0)),
      array.shape,
    );
  });

const isArray = (value: unknown): value is HostArray => value instanceof HostArray;
