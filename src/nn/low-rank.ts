import { add, slice, type Tensor } from '../tensor/index.js';
import { Linear, type LinearOptions } from './linear.js';
import { Parameter } from './parameter.js';
import { product } from './precision.js';

export interface LowRankOptions extends Omit<LinearOptions, 'initializer'> {
  readonly rank: number;
  /** Deviation of the first values of the product of both matrices, 0.02 unless told. */
  readonly deviation?: number;
}

/** `x D U + b` with D [inputs, rank] and U [rank, outputs]: a weight of low rank that is never made. */
export class LowRankLinear {
  readonly down: Parameter;
  readonly up: Parameter;
  readonly bias: Parameter | undefined;

  constructor({ inputs, outputs, rank, bias = true, deviation = 0.02, hidden = true }: LowRankOptions) {
    const normal = (spread: number) => ({ kind: 'normal', deviation: spread }) as const;
    this.down = new Parameter([inputs, rank], { initializer: normal(1 / Math.sqrt(inputs)), hidden });
    // An element of D U is a sum of `rank` products.
    this.up = new Parameter([rank, outputs], { initializer: normal(deviation * Math.sqrt(inputs / rank)), hidden });
    this.bias = bias ? new Parameter([outputs]) : undefined;
  }

  /** [..., inputs] to [..., outputs] */
  forward(x: Tensor): Tensor {
    const result = product(product(x, this.down.value), this.up.value);
    return this.bias ? add(result, this.bias.value) : result;
  }

  /** Outputs `start` up to, without, `end` alone: [..., end - start]. */
  part(x: Tensor, start: number, end: number): Tensor {
    const result = product(product(x, this.down.value), slice(this.up.value, { start, end }));
    return this.bias ? add(result, slice(this.bias.value, { start, end })) : result;
  }
}

/** A linear layer, whole with rank 0. */
export const newLinear = (options: LowRankOptions): Linear | LowRankLinear => {
  const { rank, deviation = 0.02, ...rest } = options;
  return rank > 0 ? new LowRankLinear(options) : new Linear({ ...rest, initializer: { kind: 'normal', deviation } });
};
