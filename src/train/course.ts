import { noPlateau, type Plateau, plateauAfter } from '../optim/index.js';
import type { RunConfig } from './config.js';
import { plateauSettings, stepLearningRate } from './learning-rate.js';

/**
 * What decides on the way of a run besides configuration, step and tensors: what was learnt on the way. Plain data that
 * JSON keeps exactly: it is part of every checkpoint, so that a resumed run takes the same way.
 */
export interface Course {
  readonly plateau: Plateau;
}

export const newCourse: Course = { plateau: noPlateau };

/** The course in the state of a checkpoint; that of a new run where the checkpoint is older than courses. */
export const courseOf = (state: { readonly course?: unknown }): Course => ({
  ...newCourse,
  ...(state.course as Partial<Course> | undefined),
});

/** The course after an evaluation while training, on the same bytes every time. */
export const afterEvaluation = (
  course: Course,
  config: RunConfig,
  at: { step: number; bitsPerByte: number },
): Course => ({
  ...course,
  plateau: plateauAfter(course.plateau, { step: at.step, figure: at.bitsPerByte }, plateauSettings(config)),
});

/** Learning rate of a step (0 is the first). */
export const courseLearningRate = (config: RunConfig, course: Course, step: number): number =>
  stepLearningRate(config, step, course.plateau);

/** Whether evaluations have a say in how training goes on. */
export const followsValidation = ({ train }: RunConfig): boolean => train.schedule === 'progressivePlateau';
