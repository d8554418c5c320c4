import { noPlateau, type Plateau, plateauAfter } from '../optim/index.js';
import type { RunConfig } from './config.js';
import { plateauSettings, stepLearningRate } from './learning-rate.js';
import { type Anchor, firstAnchor, noLoss, type RunningLoss, withLoss } from './spike.js';

/**
 * What decides on the way of a run besides configuration, step and tensors: what was learnt on the way. Plain data that
 * JSON keeps exactly: it is part of every checkpoint, so that a resumed run takes the same way.
 */
export interface Course {
  readonly best: Evaluated | null;
  /** Evaluations since then. */
  readonly sinceBest: number;
  readonly plateau: Plateau;
  /** Of the steps so far, where spikes are handled. */
  readonly loss: RunningLoss;
  /** How often batches and dropout got another seed. */
  readonly reseeds: number;
  readonly anchor: Anchor;
}

/** An evaluation on the first `bytes` bytes of the validation part. */
export interface Evaluated {
  readonly step: number;
  readonly bitsPerByte: number;
  readonly bytes: number;
}

export const newCourse: Course = {
  best: null,
  sinceBest: 0,
  plateau: noPlateau,
  loss: noLoss,
  reseeds: 0,
  anchor: firstAnchor,
};

/** The course in the state of a checkpoint; that of a new run where the checkpoint is older than courses. */
export const courseOf = (state: { readonly course?: unknown }): Course => ({
  ...newCourse,
  ...(state.course as Partial<Course> | undefined),
});

/** The course after an evaluation while training. */
export const afterEvaluation = (course: Course, config: RunConfig, evaluated: Evaluated): Course => {
  const { step, bitsPerByte: figure } = evaluated;
  const best = betterOf(course.best, evaluated);
  return {
    ...course,
    best,
    sinceBest: best === evaluated ? 0 : course.sinceBest + 1,
    plateau: plateauAfter(course.plateau, { step, figure }, plateauSettings(config)),
  };
};

/** The course after the evaluation at the end, which only counts for the best checkpoint. */
export const afterLastEvaluation = (course: Course, evaluated: Evaluated): Course => ({
  ...course,
  best: betterOf(course.best, evaluated),
});

/** The better of two evaluations, the earlier of equal ones; figures on other bytes say nothing about these. */
const betterOf = (before: Evaluated | null, now: Evaluated): Evaluated =>
  before === null || before.bytes !== now.bytes || now.bitsPerByte < before.bitsPerByte ? now : before;

/** The course after a step, whose loss had that limit. */
export const afterStep = (
  course: Course,
  { train }: RunConfig,
  { loss, limit }: { loss: number; limit: number },
): Course => (train.spike === 'off' ? course : { ...course, loss: withLoss(course.loss, loss, limit) });

/** The course at a checkpoint to which the run may have to come back. */
export const atAnchor = (course: Course, { train }: RunConfig, step: number): Course =>
  train.spike === 'rewind' ? { ...course, anchor: { step, best: course.best?.step ?? null, rewinds: 0 } } : course;

/** The course back at its anchor, where it once was `then`: all that was learnt since is forgotten, but not that it failed. */
export const rewound = ({ anchor, reseeds }: Course, then: Course): Course => ({
  ...then,
  reseeds: reseeds + 1,
  anchor: { ...anchor, rewinds: anchor.rewinds + 1 },
});

/** Steps of which the checkpoints must stay whatever their age. */
export const pinnedSteps = ({ best, anchor }: Course, { train }: RunConfig): number[] => [
  ...(train.keepBest && best ? [best.step] : []),
  ...(train.spike === 'rewind' ? [anchor.step] : []),
  ...(train.spike === 'rewind' && train.keepBest && anchor.best !== null ? [anchor.best] : []),
];

/** Whether training ends here for want of a better evaluation. */
export const isStopped = ({ sinceBest }: Course, { train }: RunConfig): boolean =>
  train.earlyStopping > 0 && sinceBest >= train.earlyStopping;

/** Learning rate of a step (0 is the first). */
export const courseLearningRate = (config: RunConfig, course: Course, step: number): number =>
  stepLearningRate(config, step, course.plateau);

/** Whether evaluations have a say in how training goes on. */
export const followsValidation = ({ train }: RunConfig): boolean =>
  train.schedule === 'progressivePlateau' || train.earlyStopping > 0;
