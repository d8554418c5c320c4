/** The golden values of olmax for tests: numbers that bench/peers/olmax_golden.py made with JAX. It says what is in them. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostArray } from '../../compile/host-array.js';
import { nest } from '../../compile/trace.js';
import { cast, type DType, type Shape, type Tensor, type Tree, treeMap } from '../../tensor/index.js';
import { isTensor } from '../../transform/index.js';

/** Values row by row, between spaces. */
export interface GoldenArray {
  readonly shape: Shape;
  readonly data: string;
}

export type GoldenArrays = Readonly<Record<string, GoldenArray>>;

export interface GoldenModel {
  readonly config: Readonly<Record<string, number>>;
  /** [devices, ...] each, as all that have their names. */
  readonly parameters: GoldenArrays;
  /** [steps, batch, sequence + 1] */
  readonly batches: GoldenArray;
  readonly first: {
    readonly loss: number;
    readonly accuracy: number;
    /** Rows and positions of `logits` [3, vocab]. */
    readonly at: readonly (readonly [row: number, position: number])[];
    readonly logits: GoldenArray;
    readonly gradients: GoldenArrays;
    readonly squares: GoldenArrays;
  };
  readonly after: Readonly<Record<'perTap' | 'mean', GoldenArrays>>;
}

export interface GoldenPiece {
  readonly x: GoldenArray;
  readonly parameters: GoldenArrays;
  readonly y: GoldenArray;
  readonly dy: GoldenArray;
  /** Not of an index. */
  readonly dx?: GoldenArray;
  readonly gradients: GoldenArrays;
  readonly squares: GoldenArrays;
}

export interface Golden {
  readonly optimizer: {
    readonly weightDecay: number;
    readonly clipRatio: number;
    readonly betas: readonly [number, number, number];
    readonly learningRate: number;
    readonly warmupSteps: number;
    readonly rateDecay: number;
    readonly rates: readonly number[];
  };
  /** Of one device and of two. */
  readonly models: readonly [GoldenModel, GoldenModel];
  readonly pieces: Readonly<
    Record<'norm' | 'normAct' | 'convolution' | 'mixer0' | 'mixer1' | 'embedding', GoldenPiece>
  > & {
    readonly crossEntropy: Omit<GoldenPiece, 'y' | 'dy'> & {
      readonly dx: GoldenArray;
      readonly targets: GoldenArray;
      readonly loss: number;
      readonly accuracy: number;
    };
    readonly optimizer: {
      readonly clipRatio: number;
      readonly parameters: GoldenArrays;
      /** Of each step. */
      readonly gradients: readonly GoldenArrays[];
      readonly squares: readonly GoldenArrays[];
      readonly after: GoldenArrays;
    };
  };
}

export const readGolden = (): Golden => JSON.parse(readFileSync(join(import.meta.dirname, 'golden.json'), 'utf8'));

export const numbersOf = ({ data }: GoldenArray): number[] => data.split(' ').map(Number);

/**
 * The array for a program. Of dtype f32 it still holds float64, which the reference executor takes as they are: it computes in
 * float64 whatever the dtype, and rounds f32 only on the way out, so results are to be cast to f64.
 */
export const arrayOf = (golden: GoldenArray, dtype: DType = 'f32'): HostArray => {
  const numbers = numbersOf(golden);
  return new HostArray(dtype === 'i32' ? Int32Array.from(numbers) : Float64Array.from(numbers), golden.shape, dtype);
};

/** A convolution's weight [out, taps, in], as it is there, to ours, [taps, in, out]. */
export const tapsFirst = (golden: GoldenArray): GoldenArray => {
  const [outputs, taps, inputs] = golden.shape as [number, number, number];
  const from = golden.data.split(' ');
  const to = from.map((_, at) => {
    const [tap, input, output] = [Math.floor(at / (inputs * outputs)), Math.floor(at / outputs) % inputs, at % outputs];
    return from[(output * taps + tap) * inputs + input]!;
  });
  return { shape: [taps, inputs, outputs], data: to.join(' ') };
};

/** What a device has of an array [devices, ...]. */
export const ofDevice = ({ shape: [, ...shape], data }: GoldenArray, device: number): GoldenArray => {
  const size = shape.reduce((a, b) => a * b, 1);
  const own = data.split(' ').slice(device * size, (device + 1) * size);
  return { shape, data: own.join(' ') };
};

/** By path, as trees of parameters are. */
export const treeOf = (arrays: GoldenArrays): Tree<HostArray> =>
  nest(Object.entries(arrays).map(([path, golden]) => [path, arrayOf(golden)]));

/** All tensors of a result as float64; see {@link arrayOf}. */
export const wideTree = (tree: Tree<Tensor>): Tree<Tensor> =>
  treeMap<Tensor, Tensor>(tree, isTensor, (leaf) => cast(leaf, 'f64'));

/** The largest difference, over the largest value wanted. */
export const errorOf = (got: HostArray, wanted: GoldenArray): number => {
  const numbers = numbersOf(wanted);
  const size = Math.max(...numbers.map(Math.abs), 1e-300);
  if (got.data.length !== numbers.length) return Number.POSITIVE_INFINITY;
  return Math.max(...numbers.map((value, i) => Math.abs(got.data[i]! - value))) / size;
};
