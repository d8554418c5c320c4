/**
 * The candidate that a misspelt word most likely means, or undefined where none is near. Case, `-` and `_` do not
 * count, so `d_model` finds `dModel`.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  return closest(candidates, (candidate) => wordCost(word, candidate));
}

/**
 * {@link nearest} for dotted keys: a key is near when it is spelt alike as a whole, or when its last part is and it
 * merely stands in another group (`steps` finds `train.steps`).
 */
export function nearestKey(key: string, candidates: Iterable<string>): string | undefined {
  const group = groupOf(key);
  return closest(candidates, (candidate) => {
    const leafCost = wordCost(lastPart(key), lastPart(candidate));
    if (groupOf(candidate) === group) return leafCost;
    return Math.min(wordCost(key, candidate, LARGEST_SHARE_OF_KEY), leafCost + OTHER_GROUP_COST);
  });
}

/**
 * Least number of insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`: Levenshtein's
 * distance, with the swap added because it is the commonest slip in typing.
 */
export function editDistance(a: string, b: string): number {
  // row[j] is the distance of the first i characters of a from the first j of b; the two rows above are kept for swaps.
  let twoAbove: number[] = [];
  let above: number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(substitution, above[j]! + 1, row[j - 1]! + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, twoAbove[j - 2]! + 1);
    }
    twoAbove = above;
    above = row;
  }
  return above[b.length]!;
}

/** Between a word spelt exactly alike in another group and one with two wrong letters in the same group. */
const OTHER_GROUP_COST = 1.5;

/** More wrong letters than this share of the longer word, and it is another word. */
const LARGEST_SHARE = 0.4;

/** The same for whole dotted keys, which share their groups' letters without meaning the same. */
const LARGEST_SHARE_OF_KEY = 0.25;

function wordCost(word: string, candidate: string, largestShare = LARGEST_SHARE): number {
  const a = normalized(word);
  const b = normalized(candidate);
  const distance = editDistance(a, b);
  return distance <= Math.max(1, largestShare * Math.max(a.length, b.length)) ? distance : Number.POSITIVE_INFINITY;
}

function closest(candidates: Iterable<string>, cost: (candidate: string) => number): string | undefined {
  let best: string | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const candidateCost = cost(candidate);
    if (candidateCost < bestCost) {
      best = candidate;
      bestCost = candidateCost;
    }
  }
  return best;
}

function normalized(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, '');
}

function groupOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf('.')));
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('.') + 1);
}
