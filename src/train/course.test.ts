import { describe, expect, it } from 'vitest';
import { checkConfig } from './config.js';
import { afterEvaluation, afterLastEvaluation, courseOf, isStopped, newCourse } from './course.js';

const config = checkConfig({ data: { path: 'x' }, train: { earlyStopping: 2, plateauPatience: 1 } }, 'test', 'test');
const evaluated = (step: number, bitsPerByte: number, bytes = 100) => ({ step, bitsPerByte, bytes });
const courseAfter = (...figures: number[]) =>
  figures.reduce((course, figure, i) => afterEvaluation(course, config, evaluated(i + 1, figure)), newCourse);

describe('the course of a run', () => {
  it('remembers the best evaluation, the earlier of equal ones, and how long ago it was', () => {
    expect(courseAfter(3, 2, 2, 2.5)).toMatchObject({ best: { step: 2, bitsPerByte: 2 }, sinceBest: 2 });
    expect(courseAfter(3, 2, 2, 1.9)).toMatchObject({ best: { step: 4 }, sinceBest: 0 });
  });

  it('ends after so many evaluations without a new best', () => {
    expect(
      [courseAfter(3, 3), courseAfter(3, 3, 3), courseAfter(3, 3, 2.9, 3)].map((course) => isStopped(course, config)),
    ).toEqual([false, true, false]);
  });

  it('starts over with the best when evaluations are on other bytes', () => {
    const course = afterEvaluation(courseAfter(2), config, evaluated(9, 5, 200));
    expect(course).toMatchObject({ best: { step: 9, bytes: 200 }, sinceBest: 0 });
  });

  it('lets the evaluation at the end count for the best alone', () => {
    const before = courseAfter(3, 3);
    expect(afterLastEvaluation(before, evaluated(9, 4))).toEqual(before);
    expect(afterLastEvaluation(before, evaluated(9, 1))).toEqual({ ...before, best: evaluated(9, 1) });
  });

  it('is that of a new run in checkpoints that are older than courses', () => {
    expect(courseOf({})).toEqual(newCourse);
    expect(courseOf({ course: { sinceBest: 4 } })).toEqual({ ...newCourse, sinceBest: 4 });
  });
});
