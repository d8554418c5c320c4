import { learningRateAt, type Schedule } from '../optim/index.js';
import type { RunConfig } from './config.js';

const scheduleOf = ({ train }: RunConfig): Schedule => {
  const { schedule: kind, learningRate, minLearningRate, warmupSteps, warmupShare, finalDivisor } = train;
  if (kind === 'oneCycle') return { kind, learningRate, warmupShare, finalDivisor };
  return kind === 'cosine' ? { kind, learningRate, minLearningRate, warmupSteps } : { kind, learningRate, warmupSteps };
};

/** Number of optimizer steps of a run: the horizon of every schedule. */
export const horizonOf = ({ train }: RunConfig): number => train.steps;

/** Learning rate of a step (0 is the first). */
export const stepLearningRate = (config: RunConfig, step: number): number =>
  learningRateAt(scheduleOf(config), step, horizonOf(config));
