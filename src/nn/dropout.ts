import { dropout, type RandomSource, type Tensor } from '../tensor/index.js';

/** Dropout (Srivastava et al. 2014): active only where a source of random numbers is given, which is in training. */
export class Dropout {
  readonly rate: number;

  /** @param rate share of elements that become zero, from 0 up to, without, 1 */
  constructor(rate: number) {
    this.rate = rate;
  }

  forward(x: Tensor, random: RandomSource | undefined): Tensor {
    return random && this.rate > 0 ? dropout(x, this.rate, random) : x;
  }
}
