import { benchmarks } from './benchmarks.mjs';

/**
 * Holds the bars against what reports say. A bar has parts, all of which must be met (`any`: one of them); a part names
 * rows, of which the worst counts, and what to take of them:
 *
 * - `nonet`: the figure itself
 * - `share`: the share of the peak
 * - `ratio`: how much better than the best of `peers`
 * - `over`: its reciprocal, such as a time over the peer's
 *
 * @returns for each bar `{ ...bar, parts, result }`, a part with its `figure` (null where not measured) and `case`,
 *   `result` one of `met`, `stretch`, `missed`, `not measured`, and `not reached` for what is only wished
 */
export const judge = (bars, reports) =>
  bars.map((bar) => {
    const parts = bar.parts.map((part) => ({ ...part, ...worstOf(part, reports) }));
    return { ...bar, parts, result: resultOf(parts, bar.any ?? false) };
  });

/** Whether less is better of what a part takes. */
export const isLess = ({ better, take }) => better === 'less' || take === 'over';

/** Whether the figure of a part reaches a limit. */
export const reaches = (part, limit) => (isLess(part) ? part.figure <= limit : part.figure >= limit);

const worstOf = (part, reports) => {
  const report = reports.find(
    ({ benchmark, threads }) => benchmark === part.from && threads === benchmarks[part.from].threads,
  );
  const pattern = new RegExp(part.case);
  const rows = (report?.rows ?? []).filter((row) => row.metric === part.metric && pattern.test(row.case));
  const figures = rows.map((row) => ({ figure: figureOf(part, row), case: row.case }));
  // A row without its peer cannot be judged, and the others would not stand for it.
  if (figures.length === 0 || figures.some(({ figure }) => figure === null)) return { figure: null };
  const worse = (a, b) => (isLess(part) ? a.figure > b.figure : a.figure < b.figure);
  return { ...figures.reduce((worst, next) => (worse(next, worst) ? next : worst)), among: figures.length };
};

const figureOf = ({ take, peers = [] }, row) => {
  if (take === 'nonet') return row.nonet;
  if (take === 'share') return row.peakShare ?? null;
  const ratios = peers.map((peer) => row.ratio[peer] ?? null).filter((ratio) => ratio !== null);
  if (ratios.length === 0) return null;
  const ratio = Math.min(...ratios);
  return take === 'over' ? 1 / ratio : ratio;
};

const resultOf = (parts, any) => {
  const demanded = parts.filter(({ bar }) => bar !== undefined);
  const wished = parts.filter(({ stretch }) => stretch !== undefined);
  const stretched = wished.length > 0 && wished.every((part) => part.figure !== null && reaches(part, part.stretch));
  if (demanded.length === 0) {
    if (wished.some(({ figure }) => figure === null)) return 'not measured';
    return stretched ? 'stretch' : 'not reached';
  }
  const met = demanded.map((part) => (part.figure === null ? null : reaches(part, part.bar)));
  if (any ? met.includes(true) : met.every((one) => one === true)) return stretched ? 'stretch' : 'met';
  // Of alternatives, one that was not measured might have been met; otherwise a missed part decides.
  const undecided = any ? met.includes(null) : !met.includes(false);
  return undecided ? 'not measured' : 'missed';
};
