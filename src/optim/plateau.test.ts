import { describe, expect, it } from 'vitest';
import { noPlateau, type Plateau, plateauAfter } from './plateau.js';

const settings = { patience: 2, minChange: 0.1, rewarmSteps: 15 };

/** Evaluations every ten steps. */
const watched = (figures: readonly number[], from: Plateau = noPlateau): Plateau =>
  figures.reduce((plateau, figure, i) => plateauAfter(plateau, { step: 10 * (i + 1), figure }, settings), from);

describe('plateauAfter', () => {
  it('counts a plateau after so many evaluations without an improvement', () => {
    expect(watched([5, 4])).toEqual({ count: 0, since: null, best: 4, waited: 0 });
    expect(watched([5, 4, 4.2])).toMatchObject({ count: 0, waited: 1 });
    expect(watched([5, 4, 4.2, 4.1])).toEqual({ count: 1, since: 40, best: 4, waited: 0 });
  });

  it('takes no change below the least one for an improvement, but small ones that add up', () => {
    expect(watched([4, 3.95, 3.93])).toMatchObject({ count: 1, best: 4 });
    expect(watched([4, 3.95, 3.89])).toMatchObject({ count: 0, best: 3.89, waited: 0 });
  });

  it('does not hold evaluations against a rate that is still rising again', () => {
    const plateau = watched([4, 4, 4]);
    expect(plateau).toMatchObject({ count: 1, since: 30 });
    const next = (step: number, from: Plateau) => plateauAfter(from, { step, figure: 5 }, settings);
    expect(next(44, plateau)).toEqual(plateau);
    expect(next(45, plateau)).toEqual(plateau);
    expect(next(46, plateau)).toMatchObject({ waited: 1 });
    expect(next(55, next(46, plateau))).toMatchObject({ count: 2, since: 55 });
  });

  it('does not hold evaluations of the warm-up against it either, but lets them be the best', () => {
    const warming = { ...settings, warmupSteps: 20, patience: 1 };
    const next = (step: number, figure: number, from: Plateau) => plateauAfter(from, { step, figure }, warming);
    const atPeak = next(20, 5, next(10, 4, noPlateau));
    expect(atPeak).toEqual({ count: 0, since: null, best: 4, waited: 0 });
    expect(next(21, 5, atPeak)).toMatchObject({ count: 1, since: 21 });
  });

  it('is the same after a way through JSON', () => {
    const plateau = watched([4.123456789012345, 4.2]);
    expect(JSON.parse(JSON.stringify(plateau))).toEqual(plateau);
  });
});
