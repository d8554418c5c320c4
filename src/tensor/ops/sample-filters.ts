/** What a draw is made from: the rule of the `sample` op, in plain TypeScript. */

/** What may be drawn, and how. All filters look at the probabilities at temperature 1. */
export interface Sampling {
  /** How far chances are evened out or sharpened: p^(1/temperature) of what is kept; 0 takes the most probable of it. */
  readonly temperature: number;
  /** Outside are all but the so many most probable; 0: none. */
  readonly topK: number;
  /** Outside are all but the smallest set of the most probable that reaches this probability; 1: none. */
  readonly topP: number;
  /** Dropped are all but the smallest set of this mass whose surprise is nearest to the entropy; 1: none. */
  readonly typicalMass: number;
  /** What is at least this probable stays although it is outside; 1: only filters decide, 0: they drop nothing. */
  readonly minProbability: number;
  /** Outside is what is less probable than `topAScale` times the `topAPower`-th power of the greatest probability; 0: none. */
  readonly topAScale: number;
  readonly topAPower: number;
}

/** The settings in the order in which the op takes them. */
export const samplingKeys = [
  'temperature',
  'topK',
  'topP',
  'typicalMass',
  'minProbability',
  'topAScale',
  'topAPower',
] as const satisfies readonly (keyof Sampling)[];

/**
 * The indices that may be drawn, in their order: not outside of top-k, top-p or top-a and below the min-probability, and in
 * the typical set. Where that leaves nothing, it is the most probable one. Of equal probabilities the lower index comes first.
 *
 * Top-p: Holtzman et al. 2020; typical sampling: Meister et al. 2023; top-a: a bound that follows the greatest probability.
 */
export const keptBy = (logits: Float64Array, settings: Sampling): number[] => {
  const { topK, topP, typicalMass, minProbability, topAScale, topAPower } = settings;
  const indices = Array.from(logits.keys());
  const largest = logits[firstLargest(logits, indices)]!;
  const weights = indices.map((i) => Math.exp(logits[i]! - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const probability = weights.map((weight) => weight / total);
  const kept = new Set(indices.filter((i) => probability[i]! > 0));

  const outside = [
    ...(topK >= 1 ? sorted(indices, (i) => -probability[i]!).slice(Math.trunc(topK)) : []),
    ...(topP < 1
      ? behind(
          sorted(indices, (i) => -probability[i]!),
          topP,
          probability,
        )
      : []),
    ...indices.filter((i) => probability[i]! < topAScale * Math.max(...probability) ** topAPower),
  ];
  for (const i of outside) if (probability[i]! < minProbability) kept.delete(i);

  if (typicalMass < 1) {
    const logProbability = (i: number): number => logits[i]! - largest - Math.log(total);
    const entropy = -[...indices]
      .filter((i) => probability[i]! > 0)
      .reduce((sum, i) => sum + probability[i]! * logProbability(i), 0);
    const nearest = sorted(indices, (i) =>
      probability[i]! > 0 ? Math.abs(logProbability(i) + entropy) : Number.POSITIVE_INFINITY,
    );
    for (const i of behind(nearest, typicalMass, probability)) kept.delete(i);
  }
  return kept.size > 0 ? indices.filter((i) => kept.has(i)) : [firstLargest(logits, indices)];
};

/** Of `indices` the first with the largest value. */
export const firstLargest = (values: Float64Array, indices: readonly number[]): number =>
  indices.reduce((best, i) => (values[i]! > values[best]! ? i : best));

/** By a rising key; of equal keys the lower index first. */
const sorted = (indices: readonly number[], key: (index: number) => number): number[] => {
  const keys = indices.map(key);
  return [...indices].sort((a, b) => (keys[a]! < keys[b]! ? -1 : keys[a]! > keys[b]! ? 1 : a - b));
};

/** What comes behind the smallest beginning of `order`, of one or more, that has the mass. */
const behind = (order: readonly number[], mass: number, probability: readonly number[]): number[] => {
  let before = 0;
  return order.filter((i, rank) => {
    const isBehind = rank > 0 && before >= mass;
    before += probability[i]!;
    return isBehind;
  });
};
