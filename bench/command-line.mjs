import { parseArgs } from 'node:util';
import { benchmarks } from './benchmarks.mjs';

export class UsageError extends Error {}

/** The names of those that are no part of `all`: each trains on a text. */
const apartNames = () => {
  const names = Object.entries(benchmarks).flatMap(([name, { apart }]) => (apart ? [`"${name}"`] : []));
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
};

export const usage = () => {
  const names = Object.entries(benchmarks).map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`);
  const apart = apartNames();
  return `usage: npm run bench -- NAME [options]
       npm run bench -- all --json-dir DIR [options]
       npm run bench -- report FILES... [--out FILE]

${names.join('\n')}

  all            every one but ${apart}, one after the other, each in a process of its own
  report         a page of the bars from files that --json wrote

  --json FILE    also write the figures to a file
  --json-dir DIR where "all" writes a file each
  --out FILE     where "report" writes its page, docs/performance.md unless told
  --seconds N    measure each case, or train each run, for at most N seconds
  --threads N    threads of nonet and of its peers
  --quick        tiny sizes and one sample: only shows that everything runs
  --no-peers     nonet alone
  --data FILE    text for ${apart}

example: npm run bench -- gemm --seconds 10 --json gemm.json`;
};

const positive = (name, text) => {
  const value = Number(text);
  if (!(value > 0)) throw new UsageError(`--${name} takes a positive number, not "${text}"`);
  return value;
};

const words = {
  ...{ json: { type: 'string' }, data: { type: 'string' }, seconds: { type: 'string' }, threads: { type: 'string' } },
  ...{ 'json-dir': { type: 'string' }, out: { type: 'string' } },
  ...{ quick: { type: 'boolean' }, 'no-peers': { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
};

/** Options that only one of the words understands. */
const ownOptions = { 'json-dir': 'all', out: 'report' };

/**
 * What a command line asks for: `{ name, ... }` with the options of a benchmark, of `all` or of `report`; nothing where it
 * asks for help.
 *
 * @throws UsageError
 */
export const parseCommandLine = (argv) => {
  let parsed;
  try {
    parsed = parseArgs({ args: argv, allowPositionals: true, options: words });
  } catch (error) {
    throw new UsageError(error.message);
  }
  const { values, positionals } = parsed;
  if (values.help) return undefined;
  const [name, ...rest] = positionals;
  if (name === undefined) throw new UsageError('which benchmark?');
  for (const [option, owner] of Object.entries(ownOptions)) {
    if (values[option] !== undefined && name !== owner) throw new UsageError(`--${option} is for "${owner}"`);
  }
  if (name === 'report') return reportOptions(rest, values);
  if ((name !== 'all' && !Object.hasOwn(benchmarks, name)) || rest.length > 0) {
    throw new UsageError(`there is no benchmark "${positionals.join(' ')}"`);
  }
  return name === 'all' ? allOptions(values) : benchmarkOptions(name, values);
};

const reportOptions = (files, { out = 'docs/performance.md' }) => {
  if (files.length === 0) throw new UsageError('"report" takes the files that --json wrote');
  return { name: 'report', files, out };
};

const allOptions = ({ 'json-dir': folder, json, threads, data, ...passed }) => {
  if (folder === undefined) throw new UsageError('"all" needs --json-dir');
  for (const [option, value] of Object.entries({ json, threads, data })) {
    if (value !== undefined) throw new UsageError(`--${option} is not for "all"`);
  }
  if (passed.seconds !== undefined) positive('seconds', passed.seconds);
  return { name: 'all', folder, ...passed };
};

const benchmarkOptions = (name, values) => {
  const usual = benchmarks[name];
  const threads = values.threads === undefined ? usual.threads : positive('threads', values.threads);
  if (!Number.isInteger(threads)) throw new UsageError('--threads takes a whole number');
  const seconds = values.seconds === undefined ? usual.seconds : positive('seconds', values.seconds);
  const { quick = false, json, data, 'no-peers': alone = false } = values;
  return { name, threads, seconds, quick, json, data, peers: !alone };
};
