import { gelu, type Tensor } from '../tensor/index.js';
import { Linear } from './linear.js';

export interface ExpertGateOptions {
  readonly width: number;
  readonly experts: number;
  /** With two, a hidden layer of a quarter of the width, but at least as wide as there are experts, stands before. */
  readonly layers: 1 | 2;
}

/** Says how much each expert suits a position: one linear layer without bias, or two with a GELU between them. */
export class ExpertGate {
  readonly hidden: Linear | undefined;
  readonly output: Linear;

  constructor({ width, experts, layers }: ExpertGateOptions) {
    const inner = layers === 2 ? Math.max(experts, Math.ceil(width / 4)) : width;
    this.hidden = layers === 2 ? new Linear({ inputs: width, outputs: inner, bias: false }) : undefined;
    this.output = new Linear({ inputs: inner, outputs: experts, bias: false, hidden: false });
  }

  /** [..., width] to logits [..., experts] */
  forward(x: Tensor): Tensor {
    return this.output.forward(this.hidden ? gelu(this.hidden.forward(x)) : x);
  }
}
