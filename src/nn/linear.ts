import { add, slice, type Tensor } from '../tensor/index.js';
import type { Adapter } from './adapter.js';
import { type Initializer, Parameter } from './parameter.js';
import { product } from './precision.js';

export interface LinearOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** Whether a bias is added, yes unless told. It starts at zero. */
  readonly bias?: boolean;
  /** First values of the weight, normal with deviation 0.02 unless told. */
  readonly initializer?: Initializer;
  /** Whether both sides are hidden values, yes unless told; see `ParameterOptions`. */
  readonly hidden?: boolean;
}

const usualInitializer: Initializer = { kind: 'normal', deviation: 0.02 };

/** `x W + b`. The weight is [inputs, outputs], the transpose of PyTorch's: decoding then streams its rows. */
export class Linear {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  /** Put here by `addAdapters`. */
  adapter: Adapter | undefined = undefined;

  constructor({ inputs, outputs, bias = true, initializer, hidden = true }: LinearOptions) {
    this.weight = new Parameter([inputs, outputs], { initializer: initializer ?? usualInitializer, hidden });
    this.bias = bias ? new Parameter([outputs]) : undefined;
  }

  /** [..., inputs] to [..., outputs] */
  forward(x: Tensor): Tensor {
    const result = product(x, this.weight.value);
    const biased = this.bias ? add(result, this.bias.value) : result;
    return this.adapter ? add(biased, this.adapter.forward(x)) : biased;
  }

  /** Outputs `start` up to, without, `end` alone, for the cost of these: [..., end - start]. */
  part(x: Tensor, start: number, end: number): Tensor {
    const result = product(x, slice(this.weight.value, { start, end }));
    const biased = this.bias ? add(result, slice(this.bias.value, { start, end })) : result;
    return this.adapter ? add(biased, this.adapter.part(x, start, end)) : biased;
  }
}
