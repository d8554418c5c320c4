import { noPlateau, type Plateau, type PlateauSettings } from './plateau.js';

/**
 * Learning rates as pure functions of the step (0 is the first) and the total number of steps T. All warm up linearly:
 * with W warm-up steps, step i < W has `learningRate (i + 1) / (W + 1)`, so that step W is the first at the full rate.
 */

export interface ConstantSchedule {
  readonly kind: 'constant';
  readonly learningRate: number;
  /** 0 unless told. */
  readonly warmupSteps?: number;
}

export interface CosineSchedule {
  readonly kind: 'cosine';
  readonly learningRate: number;
  /** Rate at the end, 0 unless told. */
  readonly minLearningRate?: number;
  /** 0 unless told. */
  readonly warmupSteps?: number;
}

export interface OneCycleSchedule {
  readonly kind: 'oneCycle';
  /** The peak. */
  readonly learningRate: number;
  /** Share of the steps that warm up, 0.3 unless told. */
  readonly warmupShare?: number;
  /** The last step has the peak divided by this, 10,000 unless told. */
  readonly finalDivisor?: number;
}

export interface CosineRestartsSchedule extends Omit<CosineSchedule, 'kind'> {
  readonly kind: 'cosineRestarts';
  /** Steps of the first cycle; unless told three cycles fill the run. */
  readonly period?: number;
  /** Each cycle is as many times as long as the one before, 2 unless told. */
  readonly multiplier?: number;
}

export interface LinearSchedule extends Omit<CosineSchedule, 'kind'> {
  readonly kind: 'linear';
}

export interface ExponentialSchedule extends Omit<ConstantSchedule, 'kind'> {
  readonly kind: 'exponential';
  /** Share of the rate that each step takes away, 3e-6 unless told. */
  readonly rateDecay?: number;
}

export interface ProgressivePlateauSchedule extends Omit<CosineSchedule, 'kind'>, PlateauSettings {
  readonly kind: 'progressivePlateau';
}

export type Schedule =
  | ConstantSchedule
  | CosineSchedule
  | CosineRestartsSchedule
  | ExponentialSchedule
  | LinearSchedule
  | OneCycleSchedule
  | ProgressivePlateauSchedule;

/**
 * The learning rate of step `step`, 0 .. totalSteps - 1. See the functions below for the formulas. Only
 * `progressivePlateau` looks at `plateau`, which `plateauAfter` moves on.
 */
export const learningRateAt = (
  schedule: Schedule,
  step: number,
  totalSteps: number,
  plateau: Plateau = noPlateau,
): number => {
  switch (schedule.kind) {
    case 'constant':
      return constantRate(schedule, step);
    case 'cosine':
      return cosineRate(schedule, step, totalSteps);
    case 'cosineRestarts':
      return cosineRestartsRate(schedule, step, totalSteps);
    case 'exponential':
      return exponentialRate(schedule, step);
    case 'linear':
      return linearRate(schedule, step, totalSteps);
    case 'oneCycle':
      return oneCycleRate(schedule, step, totalSteps);
    case 'progressivePlateau':
      return progressivePlateauRate(schedule, step, plateau);
  }
};

/** The full rate after the warm-up. */
export const constantRate = (
  { learningRate, warmupSteps = 0 }: Omit<ConstantSchedule, 'kind'>,
  step: number,
): number => (step < warmupSteps ? warmingUp(learningRate, step, warmupSteps) : learningRate);

/**
 * After the warm-up `min + (learningRate - min) (1 + cos(pi r)) / 2` with `r = (step - W) / (T - W)`, as nanoGPT has it;
 * `min` from step T on.
 */
export const cosineRate = (
  { learningRate, minLearningRate = 0, warmupSteps = 0 }: Omit<CosineSchedule, 'kind'>,
  step: number,
  totalSteps: number,
): number => {
  if (step < warmupSteps) return warmingUp(learningRate, step, warmupSteps);
  if (step >= totalSteps) return minLearningRate;
  return fallingCosine(learningRate, minLearningRate, (step - warmupSteps) / (totalSteps - warmupSteps));
};

/**
 * Loshchilov and Hutter 2017: after the warm-up one cosine after the other, each from `learningRate` to `min`. Cycle i has
 * `period multiplier^i` steps, and its step s the rate of `cosineRate` with `r = s / (period multiplier^i)`.
 */
export const cosineRestartsRate = (
  { learningRate, minLearningRate = 0, warmupSteps = 0, multiplier = 2, period }: Omit<CosineRestartsSchedule, 'kind'>,
  step: number,
  totalSteps: number,
): number => {
  if (step < warmupSteps) return warmingUp(learningRate, step, warmupSteps);
  const firstOfThree = (totalSteps - warmupSteps) / (1 + multiplier + multiplier ** 2);
  let [passed, length] = [step - warmupSteps, period ?? Math.max(1, firstOfThree)];
  while (passed >= length) {
    passed -= length;
    length *= multiplier;
  }
  return fallingCosine(learningRate, minLearningRate, passed / length);
};

/** The constant rate, warm-up included, times `(1 - rateDecay)^step`: the law of the public Olmax project. */
export const exponentialRate = (
  { rateDecay = 3e-6, ...schedule }: Omit<ExponentialSchedule, 'kind'>,
  step: number,
): number => constantRate(schedule, step) * (1 - rateDecay) ** step;

/** After the warm-up a straight line to `min` at step T: `learningRate + (min - learningRate) (step - W) / (T - W)`. */
export const linearRate = (
  { learningRate, minLearningRate = 0, warmupSteps = 0 }: Omit<LinearSchedule, 'kind'>,
  step: number,
  totalSteps: number,
): number => {
  if (step < warmupSteps) return warmingUp(learningRate, step, warmupSteps);
  if (step >= totalSteps) return minLearningRate;
  const passed = (step - warmupSteps) / (totalSteps - warmupSteps);
  return learningRate + (minLearningRate - learningRate) * passed;
};

/**
 * `learningRate / sqrt(2)^n` after n plateaus, not below `min`. The rate warms up at the start of the run, and anew, over
 * `rewarmSteps`, after every plateau: the moments of the optimizer then are those of larger steps.
 */
export const progressivePlateauRate = (
  { learningRate, minLearningRate = 0, warmupSteps = 0, rewarmSteps = 100 }: Omit<ProgressivePlateauSchedule, 'kind'>,
  step: number,
  { count, since }: Plateau,
): number => {
  const rate = Math.max(minLearningRate, learningRate * 2 ** (-count / 2));
  const [passed, steps] = since === null ? [step, warmupSteps] : [step - since, rewarmSteps];
  return passed < steps ? warmingUp(rate, passed, steps) : rate;
};

/**
 * Smith and Topin 2018: `W = round(warmupShare T)` steps up, then down along a cosine to `learningRate / finalDivisor`,
 * which the last step has: `r = (step - W) / (T - 1 - W)` in the formula of `cosineRate`.
 */
export const oneCycleRate = (
  { learningRate, warmupShare = 0.3, finalDivisor = 1e4 }: Omit<OneCycleSchedule, 'kind'>,
  step: number,
  totalSteps: number,
): number => {
  const warmupSteps = Math.round(warmupShare * totalSteps);
  if (step < warmupSteps) return warmingUp(learningRate, step, warmupSteps);
  const last = totalSteps - 1;
  const passed = step >= last ? 1 : (step - warmupSteps) / (last - warmupSteps);
  return fallingCosine(learningRate, learningRate / finalDivisor, passed);
};

const warmingUp = (learningRate: number, step: number, warmupSteps: number): number =>
  (learningRate * (step + 1)) / (warmupSteps + 1);

const fallingCosine = (from: number, to: number, passed: number): number =>
  to + ((from - to) * (1 + Math.cos(Math.PI * passed))) / 2;
