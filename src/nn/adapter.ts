import { NonetError } from '../core/errors.js';
import { mul, slice, type Tensor } from '../tensor/index.js';
import { Linear } from './linear.js';
import { findIn, type Module, parametersOf } from './module.js';
import { Parameter } from './parameter.js';
import { product } from './precision.js';

export interface AdapterOptions {
  /** Inner width: an adapter of a layer has `rank * (inputs + outputs)` numbers. */
  readonly rank: number;
  /** What the adapter adds is scaled by `alpha / rank`, so that another rank needs no other learning rate. */
  readonly alpha: number;
  /** Last names of the linear layers that get one: `qkv`, `projection`, `up`, `down`. */
  readonly targets: readonly string[];
}

/** What a low-rank adapter adds to a linear layer: `x down up * alpha / rank` (LoRA, Hu et al. 2021). Zero at first. */
export class Adapter {
  readonly down: Parameter;
  readonly up: Parameter;

  constructor(
    [inputs, outputs]: readonly [number, number],
    rank: number,
    /** `alpha / rank` */
    readonly scale: number,
  ) {
    const initializer = { kind: 'normal', deviation: 1 / Math.sqrt(inputs) } as const;
    this.down = new Parameter([inputs, rank], { initializer });
    this.up = new Parameter([rank, outputs]);
  }

  /** [..., inputs] to [..., outputs] */
  forward(x: Tensor): Tensor {
    return mul(product(product(x, this.down.value), this.up.value), this.scale);
  }

  /** Outputs `start` up to, without, `end` alone: [..., end - start]. */
  part(x: Tensor, start: number, end: number): Tensor {
    return mul(product(product(x, this.down.value), slice(this.up.value, { start, end })), this.scale);
  }
}

/**
 * Freezes all parameters of a module and gives the linear layers that are named an adapter. Returns their paths.
 * Throws `E_CONFIG` where no layer has one of the names.
 */
export const addAdapters = (module: Module, { rank, alpha, targets }: AdapterOptions): string[] => {
  for (const { parameter } of parametersOf(module)) parameter.frozen = true;
  const isLinear = (value: object): value is Linear => value instanceof Linear;
  const chosen = findIn(module, isLinear).filter(({ path }) => targets.includes(path.split('.').at(-1)!));
  if (chosen.length === 0) {
    const message = `adapter: the model has no whole linear layer named ${targets.join(' or ')} to put adapters on`;
    throw new NonetError('E_CONFIG', message, { targets });
  }
  for (const { value: layer } of chosen) {
    layer.adapter = new Adapter(layer.weight.shape as [number, number], rank, alpha / rank);
  }
  return chosen.map(({ path }) => path);
};
