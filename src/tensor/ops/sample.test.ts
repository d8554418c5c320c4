import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unitInterval } from '../../core/random.js';
import { array, evaluateFunction } from './evaluate-graph.js';
import { sample } from './sample.js';
import { keptBy, type Sampling, samplingKeys } from './sample-filters.js';

const all: Sampling = {
  temperature: 1,
  topK: 0,
  topP: 1,
  typicalMass: 1,
  minProbability: 1,
  topAScale: 0,
  topAPower: 1,
};
const settingsOf = (settings: Partial<Sampling>) => samplingKeys.map((key) => ({ ...all, ...settings })[key]);

const draw = (probabilities: readonly number[], uniform: number, settings: Partial<Sampling> = {}): number =>
  evaluateFunction(
    (l, u, s) => [sample(l!, u!, s!)],
    array(probabilities.map(Math.log), [1, probabilities.length], 'f32'),
    array([uniform], [1], 'f32'),
    array(settingsOf(settings), [samplingKeys.length], 'f32'),
  )[0]!.data[0]!;

const uniforms = [0, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 0.999_999];
const drawn = (probabilities: number[], settings: Partial<Sampling> = {}): number[] =>
  uniforms.map((uniform) => draw(probabilities, uniform, settings));

describe('sample', () => {
  it('inverts the cumulative distribution in the order of the indices', () => {
    expect(drawn([0.1, 0.6, 0.3])).toEqual([0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2]);
  });

  it('takes the first greatest at temperature 0', () => {
    expect(new Set(drawn([0.2, 0.4, 0.4], { temperature: 0 }))).toEqual(new Set([1]));
  });

  it('sharpens below temperature 1', () => {
    // 0.2^2 : 0.8^2 = 1 : 16
    expect(draw([0.2, 0.8], 0.05, { temperature: 0.5 })).toBe(0);
    expect(draw([0.2, 0.8], 0.07, { temperature: 0.5 })).toBe(1);
  });

  it('keeps the k most probable, of equal ones the first', () => {
    expect(new Set(drawn([0.1, 0.3, 0.3, 0.3], { topK: 2 }))).toEqual(new Set([1, 2]));
  });

  it('keeps the smallest set that reaches top-p, one at the least', () => {
    expect(new Set(drawn([0.1, 0.5, 0.2, 0.2], { topP: 0.6 }))).toEqual(new Set([1, 2]));
    expect(new Set(drawn([0.1, 0.5, 0.2, 0.2], { topP: 0.6, topK: 1 }))).toEqual(new Set([1]));
    expect(new Set(drawn([0.1, 0.5, 0.2, 0.2], { topP: 0 }))).toEqual(new Set([1]));
  });

  it('looks at the probabilities at temperature 1 whatever the temperature', () => {
    for (const temperature of [0.01, 0.5, 3]) {
      const kept = keptBy(Float64Array.of(0.1, 0.5, 0.25, 0.15).map(Math.log), { ...all, topP: 0.7, temperature });
      expect(kept).toEqual([1, 2]);
    }
  });

  it('keeps what is at least as probable as top-a asks', () => {
    const probabilities = [0.1, 0.5, 0.24, 0.16];
    expect(new Set(drawn(probabilities, { topAScale: 0.4 }))).toEqual(new Set([1, 2]));
    expect(new Set(drawn(probabilities, { topAScale: 0.6, topAPower: 2 }))).toEqual(new Set([1, 2, 3]));
    expect(new Set(drawn(probabilities, { topAScale: 0.2, topAPower: 0 }))).toEqual(new Set([1, 2]));
  });

  it('keeps what has the min-probability although it is outside, unless it is not typical', () => {
    const probabilities = [0.1, 0.4, 0.3, 0.2];
    expect(new Set(drawn(probabilities, { topK: 1, minProbability: 0.25 }))).toEqual(new Set([1, 2]));
    expect(new Set(drawn(probabilities, { topP: 0.1, minProbability: 0.15 }))).toEqual(new Set([1, 2, 3]));
    expect(new Set(drawn(probabilities, { topAScale: 1, minProbability: 0 }))).toEqual(new Set([0, 1, 2, 3]));
    // The entropy is 1.28; surprises are 2.3, 0.92, 1.2 and 1.61.
    expect(new Set(drawn(probabilities, { typicalMass: 0.2, minProbability: 0 }))).toEqual(new Set([2]));
    expect(new Set(drawn(probabilities, { typicalMass: 0.4 }))).toEqual(new Set([2, 3]));
  });

  it('takes the most probable where filters leave nothing, and the most probable that is left at temperature 0', () => {
    // The likeliest of all is far from typical here: the others share 0.7 among 70.
    const probabilities = [0.3, ...Array.from({ length: 70 }, () => 0.01)];
    expect(new Set(drawn(probabilities, { typicalMass: 0.3, topK: 1 }))).toEqual(new Set([0]));
    expect(new Set(drawn(probabilities, { typicalMass: 0.3, temperature: 0 }))).toEqual(new Set([1]));
    expect(new Set(drawn([0.2, 0.5, 0.3], { topAScale: 3 }))).toEqual(new Set([1]));
    // However cold: what is drawn is among what is left.
    expect(draw(probabilities, 0.99, { typicalMass: 0.3, temperature: 1e-6 })).toBeGreaterThan(0);
  });

  it('never picks what has no probability', () => {
    expect(new Set(drawn([0, 0.5, 0, 0.5, 0]))).toEqual(new Set([1, 3]));
  });
});

/** Every filter by its definition alone, for one index, in time that does not matter. */
const direct = {
  outsideTopK: (p: readonly number[], i: number, k: number): boolean =>
    k > 0 && p.filter((other, j) => other > p[i]! || (other === p[i] && j < i)).length >= k,
  outsideTopP: (p: readonly number[], i: number, mass: number): boolean =>
    mass < 1 && more(p, i, (j) => p[j]!) > 0 && more(p, i, (j) => p[j]!) >= mass,
  outsideTopA: (p: readonly number[], i: number, scale: number, power: number): boolean =>
    p[i]! < scale * Math.max(...p) ** power,
  untypical: (p: readonly number[], i: number, mass: number): boolean => {
    const entropy = p.reduce((sum, q) => sum - (q > 0 ? q * Math.log(q) : 0), 0);
    const closeness = (j: number): number => -Math.abs(-Math.log(p[j]!) - entropy);
    return mass < 1 && more(p, i, closeness) > 0 && more(p, i, closeness) >= mass;
  },
};

/** Probability of all that comes before an index in the order of a falling score, of equals the lower index first. */
const more = (p: readonly number[], i: number, score: (j: number) => number): number =>
  p.reduce((sum, q, j) => sum + (score(j) > score(i) || (score(j) === score(i) && j < i) ? q : 0), 0);

const directlyKept = (logits: Float64Array, s: Sampling): number[] => {
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  const p = Array.from(logits, (logit) => Math.exp(logit) / total);
  const kept = [...p.keys()].filter((i) => {
    const isOutside =
      direct.outsideTopK(p, i, s.topK) ||
      direct.outsideTopP(p, i, s.topP) ||
      direct.outsideTopA(p, i, s.topAScale, s.topAPower);
    return p[i]! > 0 && !(isOutside && p[i]! < s.minProbability) && !direct.untypical(p, i, s.typicalMass);
  });
  return kept.length > 0 ? kept : [p.indexOf(Math.max(...p))];
};

// Logits that are equal or clearly apart: what is nearly equal is a matter of rounding.
const logitsArbitrary = fc
  .array(
    fc.oneof(
      fc.integer({ min: -70, max: 20 }).map((n) => n / 8),
      fc.constant(Number.NEGATIVE_INFINITY),
    ),
    {
      minLength: 1,
      maxLength: 40,
    },
  )
  .filter((logits) => logits.some((logit) => logit > Number.NEGATIVE_INFINITY))
  .map((logits) => Float64Array.from(logits));
const share = fc.double({ min: 0.001, max: 1, noNaN: true });
const samplingArbitrary = (keys: readonly (keyof Sampling)[]): fc.Arbitrary<Sampling> =>
  fc
    .record({
      topK: fc.nat(45),
      topP: share,
      typicalMass: share,
      minProbability: fc.oneof(share, fc.constantFrom(0, 1)),
      topAScale: fc.double({ min: 0, max: 1.5, noNaN: true }),
      topAPower: fc.double({ min: 0, max: 3, noNaN: true }),
    })
    .map((drawn) => ({ ...all, ...Object.fromEntries(keys.map((key) => [key, drawn[key as keyof typeof drawn]])) }));

describe('what filters keep', () => {
  it.each<[string, readonly (keyof Sampling)[]]>([
    ['top-k', ['topK']],
    ['top-p', ['topP']],
    ['typical mass', ['typicalMass']],
    ['top-a', ['topAScale', 'topAPower']],
    ['top-k and min-probability', ['topK', 'minProbability']],
    ['top-p and min-probability', ['topP', 'minProbability']],
    ['top-a and min-probability', ['topAScale', 'topAPower', 'minProbability']],
    ['all at once', ['topK', 'topP', 'typicalMass', 'minProbability', 'topAScale', 'topAPower']],
  ])('is what the definition says: %s', (_, keys) => {
    fc.assert(
      fc.property(logitsArbitrary, samplingArbitrary(keys), (logits, settings) => {
        expect(keptBy(logits, settings)).toEqual(directlyKept(logits, settings));
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});

describe('a draw', () => {
  it('has the distribution of the greatest of logits / temperature and Gumbel noise over what is kept', () => {
    const logits = Float64Array.of(-1, 0.5, 1.2, -0.3, 0.9, -2);
    const settings = { ...all, temperature: 0.7, topK: 4 };
    const count = 20_000;
    const byNoise = new Array<number>(logits.length).fill(0);
    const byDraw = new Array<number>(logits.length).fill(0);
    const kept = directlyKept(logits, settings);
    const rows = array(
      Float64Array.from({ length: count * 6 }, (_, i) => logits[i % 6]!),
      [count, 6],
      'f32',
    );
    const uniform = array(
      Float64Array.from({ length: count }, (_, i) => unitInterval(1, 2, i)),
      [count],
      'f32',
    );
    const [drawn] = evaluateFunction(
      (l, u, s) => [sample(l!, u!, s!)],
      rows,
      uniform,
      array(settingsOf(settings), [samplingKeys.length], 'f32'),
    );
    for (let i = 0; i < count; i++) {
      const noisy = kept.map((index, at) => {
        const gumbel = -Math.log(-Math.log(unitInterval(3, 4, i * 6 + at)));
        return logits[index]! / settings.temperature + gumbel;
      });
      byNoise[kept[noisy.indexOf(Math.max(...noisy))]!]!++;
      byDraw[drawn!.data[i]!]!++;
    }
    // Five standard deviations of the difference of two such counts.
    for (const i of kept) expect(Math.abs(byNoise[i]! - byDraw[i]!)).toBeLessThan(5 * Math.sqrt(count / 2));
    expect([byDraw[0], byDraw[5], byNoise[0], byNoise[5]]).toEqual([0, 0, 0, 0]);
  });
});
