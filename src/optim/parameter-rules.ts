import { type Module, parametersOf } from '../nn/index.js';

/** What a module's parameters ask of an optimizer, by path. */
export interface ParameterRules {
  readonly decayMask: (path: string) => boolean;
  readonly learningRateScale: (path: string) => number;
}

/**
 * The weight decay and learning rate scale that the parameters of `module` declare.
 *
 * @example
 * adamW(trees, { learningRate, step, weightDecay: 0.1, ...parameterRules(model) });
 */
export const parameterRules = (module: Module): ParameterRules => {
  const parameters = new Map(parametersOf(module).map(({ path, parameter }) => [path, parameter]));
  return {
    decayMask: (path) => parameters.get(path)?.weightDecay ?? false,
    learningRateScale: (path) => parameters.get(path)?.learningRateScale ?? 1,
  };
};
