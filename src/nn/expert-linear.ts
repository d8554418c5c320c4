import { add, expandDims, gather, groupedMatmul, matmul, type Tensor } from '../tensor/index.js';
import type { LowRankOptions } from './low-rank.js';
import { Parameter } from './parameter.js';

export interface ExpertLinearOptions extends Omit<LowRankOptions, 'hidden'> {
  readonly experts: number;
}

/** Rows that lie expert by expert. */
export interface ExpertRows {
  /** The expert of each row, i32 [...]. */
  readonly experts: Tensor;
  /** Rows of each expert, i32 [experts]. */
  readonly sizes: Tensor;
}

/** A linear layer for each of several experts, their weights one behind the other; of low rank with `rank` above 0. */
export class ExpertLinear {
  /** [experts, inputs, outputs], or [experts, rank, outputs] */
  readonly weight: Parameter;
  /** [experts, inputs, rank] */
  readonly down: Parameter | undefined;
  /** [experts, outputs] */
  readonly bias: Parameter | undefined;

  constructor({ experts, inputs, outputs, rank, bias = true, deviation = 0.02 }: ExpertLinearOptions) {
    const normal = (spread: number) => ({ initializer: { kind: 'normal', deviation: spread } }) as const;
    const isLow = rank > 0;
    this.down = isLow ? new Parameter([experts, inputs, rank], normal(1 / Math.sqrt(inputs))) : undefined;
    this.weight = isLow
      ? new Parameter([experts, rank, outputs], normal(deviation * Math.sqrt(inputs / rank)))
      : new Parameter([experts, inputs, outputs], normal(deviation));
    this.bias = bias ? new Parameter([experts, outputs], { weightDecay: false }) : undefined;
  }

  /** Each row by its own expert: [..., inputs] to [..., outputs]. */
  forward(x: Tensor, { experts, sizes }: ExpertRows): Tensor {
    const inner = this.down ? groupedMatmul(x, this.down.value, sizes) : x;
    const product = groupedMatmul(inner, this.weight.value, sizes);
    return this.bias ? add(product, gather(this.bias.value, experts)) : product;
  }

  /** All rows by all experts: [experts, rows, inputs] to [experts, rows, outputs]. */
  forwardAll(x: Tensor): Tensor {
    const inner = this.down ? matmul(x, this.down.value) : x;
    const product = matmul(inner, this.weight.value);
    return this.bias ? add(product, expandDims(this.bias.value, 1)) : product;
  }
}
