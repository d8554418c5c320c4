/**
 * `npm run bench -- NAME [options]`: measures nonet beside other libraries on this machine. See `benchmarks.mjs` for the
 * names and `command-line.mjs` for the options.
 */
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { runAll } from './all.mjs';
import { benchmarks } from './benchmarks.mjs';
import { parseCommandLine, UsageError, usage } from './command-line.mjs';
import { stayOnCores } from './cores.mjs';
import { writePage } from './page.mjs';
import { createReport } from './report.mjs';

const main = async (argv) => {
  const options = parseCommandLine(argv);
  if (!options) {
    console.log(usage());
    return 0;
  }
  if (options.name === 'all') return runAll(options);
  if (options.name === 'report') return writePage(options);
  const { spareCores = 0, markdown } = benchmarks[options.name];
  return stayOnCores(options.threads + spareCores) ?? measure(options, { argv, spareCores, markdown });
};

const measure = async (options, { argv, spareCores, markdown }) => {
  // Loaded only now: nothing of nonet is needed to say that a command line is wrong.
  const { openBench } = await import('./bench.mjs');
  const bench = await openBench(options);
  try {
    const { measure: measureCase } = await import(`./cases/${options.name}.mjs`);
    const command = ['npm run bench --', ...withoutFile(argv)].join(' ');
    const report = createReport({ name: options.name, command, spareCores, markdown, ...bench.facts() });
    await measureCase(bench, report);
    report.versions(bench.versions);
    report.print();
    if (options.json) writeFileSync(options.json, `${JSON.stringify(report.json(), null, 2)}\n`);
  } finally {
    await bench.close();
  }
  return 0;
};

/** Where the figures went, and the folder of the text, are no part of how they were made. */
const withoutFile = (argv) =>
  argv
    .map((word, i) => (argv[i - 1] === '--data' ? basename(word) : word))
    .filter((word, i) => !word.startsWith('--json') && argv[i - 1] !== '--json');

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const wrongUse = error instanceof UsageError;
  const unbuilt = error?.code === 'ERR_MODULE_NOT_FOUND' && error.message.includes('dist');
  console.error(`error: ${unbuilt ? 'nonet is not built yet; run "npm run build"' : error.message}`);
  if (wrongUse) console.error(`\n${usage()}`);
  process.exitCode = wrongUse ? 2 : 1;
}
