import { type Module, parametersOf } from '../nn/index.js';
import { mul, sub, type Tensor } from '../tensor/index.js';

/** How an optimizer treats parameters, by path. */
export interface TensorRules {
  /** Which parameters decay; unless told those of two dimensions or more. */
  readonly decayMask?: (path: string) => boolean;
  /** Factor of the learning rate, 1 unless told. */
  readonly learningRateScale?: (path: string) => number;
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
    learningRateScale: (path) => parameters.get(path)?.learningRateScale ?? 1,
    hiddenMask: (path) => parameters.get(path)?.hidden ?? false,
  };
};

/** The learning rate of a parameter. */
export const rateOf = (path: string, learningRate: Tensor, rules: TensorRules): Tensor =>
  mul(learningRate, rules.learningRateScale?.(path) ?? 1);

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
