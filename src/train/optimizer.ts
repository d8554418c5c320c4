import type { BitTransformer } from '../models/index.js';
import { type Optimizer, type OptimizerSettings, optimizerOf, parameterRules } from '../optim/index.js';
import type { RunConfig } from './config.js';

/** The keys under `train` that an optimizer step follows; what is left out has the default of AdamW. */
export type OptimizerConfig = Partial<
  Pick<
    RunConfig['train'],
    'optimizer' | 'betas' | 'epsilon' | 'momentum' | 'nesterov' | 'muonRate' | 'relativeStep' | 'weightDecay'
  >
>;

/** The optimizer of a configuration for the parameters of a model. */
export const stepOptimizer = (model: BitTransformer, config: OptimizerConfig): Optimizer =>
  optimizerOf(settingsOf(config), parameterRules(model));

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
    case 'sgd':
      return { kind, momentum, nesterov, weightDecay };
  }
};
