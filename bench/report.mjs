import { figureText, ratioText } from './figures.mjs';
import { figureTable } from './markdown.mjs';

/**
 * Collects the rows of a benchmark: a table for people, and an object
 * `{ benchmark, command, date, machine, versions, threads, rows: [{ case, metric, unit, nonet, peers, ratio, peakShare? }] }`
 * for programs. A peer is null where it is not installed or has no such figure; a ratio above 1 says that nonet is better.
 * With `markdown` the table for people is one of Markdown.
 */
export const createReport = ({ name, command, machine, threads, spareCores = 0, markdown = false }) => {
  const rows = [];
  const samples = [];
  const notes = [];
  /** Why peers have no figures, by name. */
  let absent = {};
  const failures = new Map();
  let peerNames = [];
  const date = new Date().toISOString();
  let versions = {};

  const add = ({ of, metric, unit, nonet, peers = {}, better, peakShare, sampled = '' }) => {
    const all = Object.fromEntries(peerNames.map((peer) => [peer, peers[peer] ?? null]));
    const ratioOf = (value) => (value === null ? null : better === 'more' ? nonet / value : value / nonet);
    const ratio = Object.fromEntries(Object.entries(all).map(([peer, value]) => [peer, ratioOf(value)]));
    const share = peakShare === undefined ? {} : { peakShare };
    rows.push({ case: of, metric, unit, nonet, peers: all, ratio, ...share });
    samples.push(sampled);
    return rows.at(-1);
  };

  return {
    /** Columns of the table, and what those of peers that are not there say instead. */
    peers: (names, without = {}) => {
      peerNames = names;
      absent = without;
    },
    /** Tells that a peer could not do something and why, once. */
    failed: (peer, reason) => {
      if (!failures.has(peer)) notes.push(`${peer} failed: ${reason}`);
      failures.set(peer, reason);
    },
    add,
    /** A row of amounts per second from the result of a race, where less time is better: `amount` is per repetition. */
    addRate: ({ of, metric, unit, amount, results, peakAmount }) => {
      const rate = (result) => amount / result.seconds;
      const { nonet, peers } = split(results, rate);
      const peakShare = peakAmount === undefined ? undefined : nonet / peakAmount;
      return add({ of, metric, unit, nonet, peers, better: 'more', peakShare, sampled: describeSamples(results) });
    },
    /** A row of times from the result of a race, in units of `scale` seconds. */
    addTime: ({ of, metric, unit, scale = 1, results }) => {
      const { nonet, peers } = split(results, (result) => result.seconds / scale);
      return add({ of, metric, unit, nonet, peers, better: 'less', sampled: describeSamples(results) });
    },
    /** A line below the table. */
    note: (text) => void notes.push(text),
    versions: (found) => {
      versions = found;
    },
    json: () => ({ benchmark: name, command, date, machine, versions, threads, rows }),
    print: () => {
      const { cpu, isa, cores, load } = machine;
      console.log(
        `${name}: ${threads} thread${threads === 1 ? '' : 's'}, ${cpu}, ${isa}, load ${load.toFixed(1)} at start`,
      );
      console.log(
        Object.entries(versions)
          .map(([of, version]) => `${of} ${version}`)
          .join(', '),
      );
      if (cores > threads + spareCores) console.log(`not bound to cores: ${cores} to choose from`);
      const instead = { ...Object.fromEntries([...failures.keys()].map((peer) => [peer, 'failed'])), ...absent };
      const table = () => (markdown ? `${figureTable(rows)}\n` : textTable(rows, samples, { peerNames, instead }));
      if (rows.length > 0) console.log(`\n${table()}`);
      for (const note of notes) console.log(note);
    },
  };
};

/** Of a race: the figure of nonet and those of the peers. */
const split = (results, figure) => {
  const figures = Object.fromEntries([...results].map(([name, result]) => [name, figure(result)]));
  const { nonet, ...peers } = figures;
  return { nonet, peers };
};

/** `12/25` kept of taken for each competitor; a star where too few were kept, so that all had to count. */
const describeSamples = (results) =>
  [...results.values()].map(({ kept, taken, gated }) => `${kept}/${taken}${gated ? '' : '*'}`).join(' ');

const textTable = (rows, samples, { peerNames, instead }) => {
  const withShare = rows.some((row) => row.peakShare !== undefined);
  const withSamples = samples.some((text) => text !== '');
  const peerHeads = peerNames.flatMap((peer) => [peer, 'ratio']);
  const head = ['case', 'metric', 'unit', 'nonet', ...peerHeads, ...(withShare ? ['of peak'] : [])];
  const lines = [[...head, ...(withSamples ? ['samples kept'] : [])]];
  rows.forEach((row, i) => {
    const cells = [row.case, row.metric, row.unit, figureText(row.nonet, row.unit)];
    for (const peer of peerNames) {
      if (row.peers[peer] === null) cells.push(instead[peer] ?? '-', '-');
      else cells.push(figureText(row.peers[peer], row.unit), ratioText(row.ratio[peer]));
    }
    if (withShare) cells.push(row.peakShare === undefined ? '' : `${(100 * row.peakShare).toFixed(0)} %`);
    if (withSamples) cells.push(samples[i]);
    lines.push(cells);
  });
  const starred = samples.some((text) => text.includes('*'));
  const legend = starred ? '\n* fewer than three samples had a quiet core: all of them count, with their noise\n' : '';
  return `${columns(lines)}${legend}`;
};

/** Text on the left, figures on the right. */
const columns = (lines) => {
  const textColumns = 3;
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const padded = (cell, column) => (column < textColumns ? cell.padEnd(widths[column]) : cell.padStart(widths[column]));
  return lines.map((line) => `${line.map(padded).join('  ').trimEnd()}\n`).join('');
};
