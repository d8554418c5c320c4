import { learningRateAt, type Plateau, type PlateauSettings, type Schedule } from '../optim/index.js';
import type { RunConfig } from './config.js';

const scheduleOf = (config: RunConfig): Schedule => {
  const { schedule: kind, learningRate, minLearningRate, warmupSteps, warmupShare, finalDivisor } = config.train;
  const { restartPeriod, restartMultiplier: multiplier } = config.train;
  switch (kind) {
    case 'constant':
      return { kind, learningRate, warmupSteps };
    case 'cosine':
    case 'linear':
      return { kind, learningRate, minLearningRate, warmupSteps };
    case 'exponential':
      return { kind, learningRate, warmupSteps, rateDecay: config.train.rateDecay };
    case 'cosineRestarts':
      return { kind, learningRate, minLearningRate, warmupSteps, period: restartPeriod, multiplier };
    case 'oneCycle':
      return { kind, learningRate, warmupShare, finalDivisor };
    case 'progressivePlateau':
      return { kind, learningRate, minLearningRate, ...plateauSettings(config) };
  }
};

/** When the schedule `progressivePlateau` lowers the rate. */
export const plateauSettings = ({ train }: RunConfig): PlateauSettings => ({
  patience: train.plateauPatience,
  minChange: train.plateauMinChange,
  warmupSteps: train.warmupSteps,
  rewarmSteps: train.plateauWarmupSteps,
});

/** Number of optimizer steps of a run: the horizon of every schedule. */
export const horizonOf = ({ train }: RunConfig): number => train.steps;

/** Learning rate of a step (0 is the first). */
export const stepLearningRate = (config: RunConfig, step: number, plateau?: Plateau): number =>
  learningRateAt(scheduleOf(config), step, horizonOf(config), plateau);
