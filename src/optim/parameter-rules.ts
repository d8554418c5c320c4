import { type Module, parametersOf } from '../nn/index.js';
import { constantArray, mul, type Shape, sub, type Tensor } from '../tensor/index.js';

/** Numbers in row-major order. */
export interface Factors {
  readonly values: readonly number[];
  readonly shape: Shape;
}

/** How an optimizer treats parameters, by path. */
export interface TensorRules {
  /** Which parameters decay; unless told those of two dimensions or more. */
  readonly decayMask?: (path: string) => boolean;
  /** Factor of the learning rate, or factors that are broadcast to the parameter; 1 unless told. */
  readonly learningRateScale?: (path: string) => number | Factors;
  /** Which matrices take hidden values to hidden values, for Muon; unless told all of two dimensions. */
  readonly hiddenMask?: (path: string) => boolean;
}

/** What a module's parameters ask of an optimizer, by path. */
export type ParameterRules = Required<TensorRules>;

/**
 * The weight decay, the learning rate scale and the role that the parameters of `module` declare.
 *
 * @example
 * adamW(trees, { learningRate, step, weightDecay: 0.1, ...parameterRules(model) });
 */
export const parameterRules = (module: Module): ParameterRules => {
  const parameters = new Map(parametersOf(module).map(({ path, parameter }) => [path, parameter]));
  return {
    decayMask: (path) => parameters.get(path)?.weightDecay ?? false,
    learningRateScale: (path) => {
      const parameter = parameters.get(path);
      const scale = parameter?.learningRateScale ?? 1;
      return typeof scale === 'number'
        ? scale
        : { values: scale, shape: parameter!.shape.map((size, axis) => (axis === 0 ? size : 1)) };
    },
    hiddenMask: (path) => parameters.get(path)?.hidden ?? false,
  };
};

/** The learning rate of a parameter, a scalar or of a shape that is broadcast to its own. */
export const rateOf = (path: string, learningRate: Tensor, rules: TensorRules): Tensor => {
  const scale = rules.learningRateScale?.(path) ?? 1;
  return mul(
    learningRate,
    typeof scale === 'number' ? scale : constantArray(scale.values, scale.shape, learningRate.dtype),
  );
};

export interface Decay {
  /** Learning rate of the parameter. */
  readonly rate: Tensor;
  /** Decay per unit of learning rate. */
  readonly weightDecay: number;
  readonly rules: TensorRules;
}

/** Decoupled weight decay, `p (1 - rate decay)`, for parameters that decay. */
export const decay = (path: string, parameter: Tensor, { rate, weightDecay, rules }: Decay): Tensor => {
  const decays = weightDecay !== 0 && (rules.decayMask?.(path) ?? parameter.shape.length >= 2);
  return decays ? mul(parameter, sub(1, mul(rate, weightDecay))) : parameter;
};
