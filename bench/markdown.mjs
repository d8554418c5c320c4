import { figureText, ratioText } from './figures.mjs';

/** A table in Markdown. */
export const markdownTable = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(escaped).join(' | ')} |`).join('\n');

const escaped = (cell) => cell.replaceAll('|', '\\|');

/** The rows of a report as such a table. */
export const figureTable = (rows) => {
  const peers = Object.keys(rows[0]?.peers ?? {});
  const withShare = rows.some(({ peakShare }) => peakShare !== undefined);
  const head = ['case', 'metric', 'unit', 'nonet', ...peers, ...(withShare ? ['of the FMA probe'] : [])];
  const cells = rows.map((row) => [
    ...[row.case, row.metric, row.unit, figureText(row.nonet, row.unit)],
    ...peers.map((peer) =>
      row.peers[peer] === null ? '-' : `${figureText(row.peers[peer], row.unit)} (${ratioText(row.ratio[peer])})`,
    ),
    ...(withShare ? [row.peakShare === undefined ? '' : `${(100 * row.peakShare).toFixed(0)} %`] : []),
  ]);
  return markdownTable(head, cells);
};
