export interface PlateauSettings {
  /** Evaluations in a row without an improvement that make a plateau, 3 unless told. */
  readonly patience?: number;
  /** By how much a figure must be below the best one to count as an improvement, 0.002 unless told. */
  readonly minChange?: number;
  /** Steps over which the learning rate rises at the start, 0 unless told. */
  readonly warmupSteps?: number;
  /** Steps over which the learning rate rises again after a plateau, 100 unless told. */
  readonly rewarmSteps?: number;
}

/** What the schedule `progressivePlateau` knows of the evaluations so far; plain data that JSON keeps exactly. */
export interface Plateau {
  /** Plateaus so far. */
  readonly count: number;
  /** Steps done at the last one. */
  readonly since: number | null;
  /** The figure that is to be improved on. */
  readonly best: number | null;
  /** Evaluations since then. */
  readonly waited: number;
}

export const noPlateau: Plateau = { count: 0, since: null, best: null, waited: 0 };

/**
 * The plateau after an evaluation that gave `figure` (less is better) when `step` steps were done. Evaluations before the
 * first step at the full rate, at the start as after a plateau, can improve on the best, but are not held against it.
 */
export const plateauAfter = (
  plateau: Plateau,
  { step, figure }: { readonly step: number; readonly figure: number },
  { patience = 3, minChange = 0.002, warmupSteps = 0, rewarmSteps = 100 }: PlateauSettings,
): Plateau => {
  const { best, since, count } = plateau;
  if (best === null || figure < best - minChange) return { ...plateau, best: figure, waited: 0 };
  const firstAtFullRate = since === null ? warmupSteps : since + rewarmSteps;
  if (step <= firstAtFullRate) return plateau;
  const waited = plateau.waited + 1;
  return waited < patience ? { ...plateau, waited } : { best, count: count + 1, since: step, waited: 0 };
};
