import { NonetError } from '../core/errors.js';
import { nearest } from '../core/nearest.js';
import type { LanguageModel } from '../models/index.js';
import { parametersOf } from '../nn/index.js';
import {
  type Optimizer,
  type OptimizerSettings,
  optimizerOf,
  parameterRules,
  type TensorRules,
} from '../optim/index.js';
import type { RunConfig } from './config.js';

/** The keys under `train` that an optimizer step follows; what is left out has the default of AdamW. */
export type OptimizerConfig = Partial<
  Pick<
    RunConfig['train'],
    | 'optimizer'
    | 'betas'
    | 'epsilon'
    | 'momentum'
    | 'nesterov'
    | 'muonRate'
    | 'relativeStep'
    | 'preconditionBlock'
    | 'preconditionSkip'
    | 'preconditionFrom'
    | 'preconditionEvery'
    | 'statisticsEvery'
    | 'tgBetas'
    | 'momentumKind'
    | 'stateType'
    | 'weightDecay'
    | 'decayNames'
  >
>;

/** The optimizer of a configuration for the parameters of a model. Throws `E_CONFIG` for a name to decay that none has. */
export const stepOptimizer = (model: LanguageModel, config: OptimizerConfig): Optimizer =>
  optimizerOf(settingsOf(config), { ...parameterRules(model), ...decayRule(model, config) });

const decayRule = (model: LanguageModel, { decayNames }: OptimizerConfig): TensorRules | undefined => {
  if (!decayNames) return undefined;
  const names = (path: string, name: string): boolean => `.${path}.`.includes(`.${name}.`);
  const paths = parametersOf(model).map(({ path }) => path);
  for (const name of decayNames) {
    if (paths.some((path) => names(path, name))) continue;
    const meant = nearest(name, new Set(paths.flatMap((path) => [path, ...path.split('.')])));
    const first = [...new Set(paths.map((path) => path.split('.', 1)[0]))];
    const advice = meant ? `; did you mean ${meant}?` : `; the first parts of its paths are ${first.join(', ')}`;
    throw new NonetError('E_CONFIG', `train.decayNames: the model has no parameter named ${name}${advice}`, { name });
  }
  return { decayMask: (path) => decayNames.some((name) => names(path, name)) };
};

const settingsOf = (config: OptimizerConfig): OptimizerSettings => {
  const { optimizer: kind = 'adamw', betas, epsilon, momentum, nesterov, relativeStep, weightDecay } = config;
  switch (kind) {
    case 'adamw':
      return { kind, betas, epsilon, weightDecay };
    case 'muon':
      return { kind, betas, epsilon, weightDecay, momentum, nesterov, matrixRate: config.muonRate };
    case 'lion':
    case 'adaptiveLion':
      return { kind, betas, weightDecay };
    case 'adafactor':
      return { kind, relativeStep, weightDecay };
    case 'shampoo':
      return {
        kind,
        betas,
        epsilon,
        weightDecay,
        blockSize: config.preconditionBlock,
        skipAbove: config.preconditionSkip,
        startStep: config.preconditionFrom,
        rootsEvery: config.preconditionEvery,
        statisticsEvery: config.statisticsEvery,
      };
    case 'soap':
      return {
        kind,
        betas,
        epsilon,
        weightDecay,
        skipAbove: config.preconditionSkip,
        basesEvery: config.preconditionEvery,
      };
    case 'tgAdam':
      return {
        kind,
        betas: config.tgBetas,
        momentumKind: config.momentumKind,
        storedAs: config.stateType,
        weightDecay,
      };
    case 'sgd':
      return { kind, momentum, nesterov, weightDecay };
  }
};
