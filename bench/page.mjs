import { readFileSync, writeFileSync } from 'node:fs';
import { figureText, ratioText } from './figures.mjs';
import { isLess, judge, reaches } from './judge.mjs';
import { figureTable, markdownTable as table } from './markdown.mjs';

/** Writes the page of the bars from files that `--json` wrote; returns the exit code. */
export const writePage = ({ files, out }) => {
  const reports = files.map(readReport);
  const bars = judge(readOwn('bars.json'), reports);
  writeFileSync(out, performancePage({ bars, reasons: readOwn('reasons.json'), reports }));
  const count = (result) => bars.filter((bar) => bar.result === result).length;
  const [met, missed] = [count('met') + count('stretch'), count('missed')];
  console.log(`${out}: ${met} bars met, ${missed} missed, ${bars.length - met - missed} not measured or wishes`);
  return 0;
};

const readOwn = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));

const readReport = (file) => {
  const text = readFileSync(file, 'utf8');
  let report;
  try {
    report = JSON.parse(text);
  } catch {
    // Told below.
  }
  if (typeof report?.benchmark === 'string' && Array.isArray(report.rows)) return report;
  throw new Error(`${file} is no report of "npm run bench -- NAME --json FILE"`);
};

/** The page as Markdown. */
export const performancePage = ({ bars, reasons, reports }) =>
  `${[
    '# Performance',
    'Made by `npm run bench -- report`; edit `bench/bars.json` and `bench/reasons.json` instead. Where a bar stands for ' +
      'several rows, the worst one counts. "The FMA probe" is what fused multiply-adds in registers reach on as many threads.',
    machineText(reports),
    '## Bars',
    table(['what', 'bar', 'stretch', 'measured', 'result'], bars.map(barCells)),
    ...missedText(bars, reasons),
    '## How it was measured',
    'Samples of nonet and of its peers alternate in one run, and count only where a probe of multiply-adds before and ' +
      'after them found the core undisturbed. Ratios above 1 say that nonet is better.',
    table(['command', 'threads', 'date', 'load at start', 'versions'], reports.map(runCells)),
    ...reports.flatMap(figuresText),
  ].join('\n\n')}\n`;

const machineText = (reports) => {
  const texts = reports.map(
    ({ machine: { cpu, isa, memoryBytes } }) => `${cpu}, ${isa}, ${(memoryBytes / 2 ** 30).toFixed(0)} GiB of memory`,
  );
  return [...new Set(texts)].map((text) => `Machine: ${text}.`).join('\n\n');
};

const titles = { met: 'met', stretch: 'met, stretch too', missed: '**missed**' };

const barCells = ({ what, parts, any, result }) => {
  const limits = (key, between) => {
    const texts = parts.filter((part) => part[key] !== undefined).map((part) => limitText(part, part[key]));
    return texts.length > 0 ? texts.join(between) : '-';
  };
  const measured = parts.map((part) => `${part.of} ${valueText(part, part.figure)}`).join('; ');
  return [what, limits('bar', any ? ' or ' : '; '), limits('stretch', '; '), measured, titles[result] ?? result];
};

const limitText = (part, limit) => `${part.of} at ${isLess(part) ? 'most' : 'least'} ${valueText(part, limit)}`;

const valueText = ({ unit }, value) => {
  if (value === null) return '-';
  if (unit === 'x') return ratioText(value);
  if (unit === '%') return `${(100 * value).toFixed(0)} %`;
  return `${figureText(value)} ${unit}`.trim();
};

/** Every missed bar by name, with the parts that miss it and the reason that was written down. */
const missedText = (bars, reasons) => {
  const missed = bars.filter(({ result }) => result === 'missed');
  if (missed.length === 0) return [];
  const lines = missed.map(({ id, what, parts }) => {
    const short = parts
      .filter((part) => part.bar !== undefined && part.figure !== null && !reaches(part, part.bar))
      .map((part) => {
        const where = part.among > 1 ? ` (${part.case})` : '';
        return `${limitText(part, part.bar)}, measured ${valueText(part, part.figure)}${where}`;
      });
    return `- **${what}** (\`${id}\`): ${short.join('; ')}. ${reasons[id] ?? 'Reason: not written down yet.'}`;
  });
  return ['## Missed', lines.join('\n')];
};

const runCells = ({ command, threads, date, machine, versions }) => [
  `\`${command}\``,
  String(threads),
  date.slice(0, 10),
  machine.load.toFixed(1),
  Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', '),
];

/** All rows of a report. */
const figuresText = ({ benchmark, threads, rows }) => [
  `## ${benchmark}, ${threads} thread${threads === 1 ? '' : 's'}`,
  rows.length > 0 ? figureTable(rows) : 'Skipped.',
];
