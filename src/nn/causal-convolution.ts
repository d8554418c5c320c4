import { NonetError } from '../core/errors.js';
import { causalConvolution, concat, constant, convolution, slice, type Tensor } from '../tensor/index.js';
import { type Initializer, Parameter } from './parameter.js';

export interface CausalConvolutionOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** Positions that one position sees, itself included: a whole number from 1 on. */
  readonly taps: number;
  /** Factor of the learning rate, or one for each tap from the oldest on; 1 unless told. */
  readonly learningRateScale?: number | readonly number[];
  /** First values of the weight; unless told, normal with the deviation of an orthogonal matrix of its size. */
  readonly initializer?: Initializer;
}

/**
 * Convolution along positions without bias, in which a position sees itself and the `taps - 1` before it; before the first one
 * there are zeros. The weight is [taps, inputs, outputs], the oldest tap first: a matrix whose rows decoding streams.
 *
 * Unless told, the weight is drawn with deviation `1 / sqrt(max(outputs, taps * inputs))`, that of an orthogonal
 * [outputs, taps * inputs] (Saxe et al. 2013): it then keeps the size of what passes, or of its gradient.
 */
export class CausalConvolution {
  readonly weight: Parameter;

  /** Throws `E_CONFIG` for taps that are not a whole number from 1 on. */
  constructor({ inputs, outputs, taps, initializer, learningRateScale }: CausalConvolutionOptions) {
    if (!Number.isInteger(taps) || taps < 1) {
      throw new NonetError('E_CONFIG', `taps (${taps}) must be a whole number from 1 on`, { taps });
    }
    const deviation = 1 / Math.sqrt(Math.max(outputs, taps * inputs));
    this.weight = new Parameter([taps, inputs, outputs], {
      initializer: initializer ?? { kind: 'normal', deviation },
      hidden: true,
      ...(learningRateScale !== undefined && { learningRateScale }),
    });
  }

  /** [batch, length, inputs] to [batch, length, outputs] */
  forward(x: Tensor): Tensor {
    return causalConvolution(x, this.weight.value);
  }

  /** What `decode` takes at the start of a text: zeros, [batch, taps - 1, inputs]. */
  emptyWindow(batch: number): Tensor {
    const [taps, inputs] = this.weight.shape as [number, number];
    return constant(0, [batch, taps - 1, inputs], this.weight.dtype);
  }

  /**
   * The same for n new positions x [batch, n, inputs] alone, whose last `taps - 1` predecessors are in `window`, and the window
   * for those that follow. What a position costs depends on the taps, not on how much came before; its bits are those of
   * `forward` over the whole.
   */
  decode(x: Tensor, window: Tensor): { y: Tensor; window: Tensor } {
    const seen = concat([window, x], 1); // [batch, taps - 1 + n, inputs]
    const next = slice(seen, { axis: 1, start: x.shape[1]!, end: seen.shape[1]! });
    return { y: convolution(seen, this.weight.value), window: next };
  }
}
