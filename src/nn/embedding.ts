import { gather, type Tensor } from '../tensor/index.js';
import { Parameter } from './parameter.js';

export interface EmbeddingOptions {
  /** Number of vectors. */
  readonly count: number;
  readonly width: number;
  /** Deviation of the first values, 0.02 unless told. */
  readonly deviation?: number;
}

/** A table of vectors, one for each index. */
export class Embedding {
  readonly weight: Parameter;

  constructor({ count, width, deviation = 0.02 }: EmbeddingOptions) {
    this.weight = new Parameter([count, width], { initializer: { kind: 'normal', deviation }, hidden: false });
  }

  /** i32 [...] to [..., width] */
  forward(index: Tensor): Tensor {
    return gather(this.weight.value, index);
  }
}
