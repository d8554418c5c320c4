/**
 * From which length on one thing takes less than another: points are `[length, its figure, the other's]` in order of length,
 * lines between them straight on log-log axes. `atMost` says that it took less at the first length already; nothing where it
 * does not at the last.
 */
export const crossing = (points) => {
  const lead = ([, own, other]) => Math.log(other / own);
  if (lead(points.at(-1)) <= 0) return undefined;
  const before = points.findLastIndex((point) => lead(point) <= 0);
  if (before < 0) return { length: points[0][0], atMost: true };
  const [from, to] = [points[before], points[before + 1]];
  const share = -lead(from) / (lead(to) - lead(from));
  return { length: from[0] * (to[0] / from[0]) ** share, atMost: false };
};

export const mean = (numbers) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

/** The mean of each of `count` parts of a curve, as equal as whole numbers are. */
export const partMeans = (curve, count = 10) => {
  const parts = Math.min(count, curve.length);
  const edge = (i) => Math.round((i * curve.length) / parts);
  return Array.from({ length: parts }, (_, i) => mean(curve.slice(edge(i), edge(i + 1))));
};

/** The largest difference of a curve from another one, as a share of that. */
export const largestDifference = (curve, from) => Math.max(...curve.map((y, i) => Math.abs(y - from[i]) / from[i]));

/** By which share a curve lies below another one, the mean over its points. */
export const meanGain = (curve, below) => mean(curve.map((y, i) => 1 - y / below[i]));
