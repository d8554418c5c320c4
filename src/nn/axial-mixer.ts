import { NonetError } from '../core/errors.js';
import { broadcastTo, iota, lessEqual, matmul, reshape, select, type Tensor, transpose } from '../tensor/index.js';
import { type Initializer, Parameter } from './parameter.js';
import { RootSumNorm } from './root-sum-norm.js';

export interface AxialMixerOptions {
  readonly width: number;
  /** Positions of a sequence, a multiple of the kernel. */
  readonly length: number;
  /** Side of the matrices: how many positions of an axis are mixed with each other, from 2 on. */
  readonly kernel: number;
  /** Which axis is mixed; counted on beyond the last axis from the first one again, so that it may be the number of the block. */
  readonly axis: number;
  /** First values of the matrices; unless told, normal with the deviation of an orthogonal one. */
  readonly initializer?: Initializer;
  /** Between the two products; unless told a `RootSumNorm` with slope 0.01. */
  readonly norm?: Norm;
}

/** Normalises over the last axis. */
export interface Norm {
  forward(x: Tensor): Tensor;
}

/** How many axes a length has: the least number of times that the kernel multiplied by itself reaches it. */
export const axesOf = (length: number, kernel: number): number => {
  let axes = 1;
  for (let reach = kernel; reach < length; reach *= kernel) axes++;
  return axes;
};

/**
 * Mixes positions along one axis of a sequence (MLP-Mixer, Tolstikhin et al. 2021, over the axes of a folded sequence): a
 * `kernel` x `kernel` matrix, norm and leaky ReLU over features, a second matrix. Both are causal: position i of the axis goes
 * to positions j >= i alone. With kernels of the square root of the length two axes reach everywhere, in O(N^1.5).
 *
 * Positions along axis a are kernel^a apart, or further where that does not divide the length.
 */
export class AxialMixer {
  readonly options: Readonly<Record<'width' | 'length' | 'kernel', number>>;
  readonly first: Parameter;
  readonly norm: Norm;
  readonly second: Parameter;
  /** Runs of the sequence that are mixed apart from each other. */
  readonly blocks: number;

  /** Throws `E_CONFIG` for a length that is no multiple of the kernel. */
  constructor({ width, length, kernel, axis, norm, ...options }: AxialMixerOptions) {
    if (!Number.isInteger(kernel) || kernel < 2 || length < kernel || length % kernel !== 0) {
      const message = `the mixer's kernel (${kernel}) must be a whole number from 2 on that divides the length (${length})`;
      throw new NonetError('E_CONFIG', message, { kernel, length });
    }
    const own = axis % axesOf(length, kernel);
    const initializer = options.initializer ?? { kind: 'normal', deviation: 1 / Math.sqrt(kernel) };
    this.options = { width, length, kernel };
    this.first = new Parameter([kernel, kernel], { initializer });
    this.norm = norm ?? new RootSumNorm(width, { slope: 0.01 });
    this.second = new Parameter([kernel, kernel], { initializer });
    this.blocks = blocksOf(length / kernel, length / kernel ** (own + 1));
  }

  /** [batch, length, width] to the same */
  forward(x: Tensor): Tensor {
    const { length, width } = this.options;
    const batch = x.shape[0]!;
    const mixed = this.mix(x, this.first.value);
    const normed = this.norm.forward(reshape(mixed, [batch, length, width]));
    return reshape(this.mix(normed, this.second.value), [batch, length, width]);
  }

  /** Along the axis: [blocks, kernel, rest] by one matrix, of which entries that lead back are zero. */
  private mix(x: Tensor, matrix: Tensor): Tensor {
    const { kernel, length, width } = this.options;
    const count = x.shape[0]! * this.blocks;
    const folded = reshape(x, [count, kernel, (length * width) / (this.blocks * kernel)]);
    return matmul(broadcastTo(this.causal(matrix), [count, kernel, kernel]), folded, { transposeA: true });
  }

  /** A matrix [from, to] without the entries that lead back; `transposed`, [to, from]. */
  causal(matrix: Tensor, transposed = false): Tensor {
    const { kernel } = this.options;
    const from = reshape(iota(kernel), [kernel, 1]);
    const masked = select(lessEqual(from, iota(kernel)), matrix, 0);
    return transposed ? transpose(masked, [1, 0]) : masked;
  }
}

/** The largest number of blocks up to `most`, at least one, into which `count` kernels of positions fall evenly. */
const blocksOf = (count: number, most: number): number => {
  let blocks = Math.max(1, Math.floor(most));
  while (count % blocks !== 0) blocks--;
  return blocks;
};
