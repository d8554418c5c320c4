import { NonetError } from '../core/errors.js';
import { type DType, describeType, type Shape, type Tensor, type TensorType } from '../tensor/index.js';

/** How the first values of a parameter are made. */
export type Initializer =
  | { readonly kind: 'normal'; readonly deviation: number }
  /** Orthonormal rows or columns of the matrix [all other axes, last axis], whichever are fewer (Saxe et al. 2013). */
  | { readonly kind: 'orthogonal' }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' };

export interface ParameterOptions {
  /** Zeros unless told. */
  readonly initializer?: Initializer;
  /** Factor of the learning rate for this parameter, or one for each index of its first axis; 1 unless told. */
  readonly learningRateScale?: number | readonly number[];
  /** Whether optimizers decay it. Unless told: matrices and tables yes, vectors (biases, norm scales) no. */
  readonly weightDecay?: boolean;
  /** Whether it takes hidden values to hidden values, which Muon cares for. Unless told: matrices do; tables and heads say no. */
  readonly hidden?: boolean;
}

/**
 * A place for numbers that training changes, as a field of a layer. It holds no value: within `bind` a trace gives it one,
 * so the same module serves any number of programs and states.
 */
export class Parameter implements TensorType {
  readonly shape: Shape;
  readonly dtype: DType = 'f32';
  readonly initializer: Initializer;
  readonly learningRateScale: number | readonly number[];
  readonly weightDecay: boolean;
  readonly hidden: boolean;
  /** Whether training leaves it as it is; set by `addAdapters`. */
  frozen = false;
  #bound: Tensor | undefined;

  constructor(shape: Shape, options: ParameterOptions = {}) {
    this.shape = shape;
    this.initializer = options.initializer ?? { kind: 'zeros' };
    this.learningRateScale = options.learningRateScale ?? 1;
    this.weightDecay = options.weightDecay ?? shape.length >= 2;
    this.hidden = options.hidden ?? shape.length === 2;
  }

  /** The tensor that the surrounding `bind` put here. Throws `E_TRACE` outside of one. */
  get value(): Tensor {
    if (this.#bound) return this.#bound;
    const what = describeType(this);
    throw new NonetError(
      'E_TRACE',
      `a parameter ${what} was read unbound; wrap the call: bind(module, tree, () => ...)`,
    );
  }

  /** Gives the parameter a value, and returns the way back to what it was before. Use `bind`, which does both. */
  assign(value: Tensor): () => void {
    const before = this.#bound;
    this.#bound = value;
    return () => {
      this.#bound = before;
    };
  }
}
