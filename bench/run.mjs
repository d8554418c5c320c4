/**
 * `npm run bench -- NAME [--json FILE] [--seconds N] [--threads N] [--quick] [--no-peers] [--data FILE]`: measures nonet
 * beside other libraries on this machine. See `benchmarks` for the names.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { stayOnCores } from './cores.mjs';
import { createReport } from './report.mjs';

/** What each benchmark is, how many threads it takes unless told, and for how many seconds a case is measured at most. */
const benchmarks = {
  gemm: { summary: 'matrix products of a training step, GFLOP/s', threads: 1, seconds: 6 },
  rows: { summary: 'norms, softmax, GELU, cross entropy, AdamW: ns per element, GB/s', threads: 1, seconds: 6 },
  attention: { summary: 'causal attention, forward and backward, GFLOP/s', threads: 1, seconds: 15 },
  train: { summary: 'whole training steps of an 8 x 256 transformer, positions/s', threads: 1, seconds: 120 },
  quality: { summary: 'bits per byte and wall time of a whole small training', threads: 2, seconds: 0 },
  decode: { summary: 'generation with a key/value cache, positions/s', threads: 1, seconds: 60 },
  memory: { summary: 'memory of a training step of an 8 x 256 transformer', threads: 1, seconds: 0 },
  startup: { summary: 'import, first native call, compile time', threads: 1, seconds: 20 },
};

class UsageError extends Error {}

const usage = () => {
  const names = Object.entries(benchmarks).map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`);
  return `usage: npm run bench -- NAME [options]

${names.join('\n')}

  --json FILE    also write the figures to a file
  --seconds N    measure each case for at most N seconds
  --threads N    threads of nonet and of its peers
  --quick        tiny sizes and one sample: only shows that everything runs
  --no-peers     nonet alone
  --data FILE    text for "quality"

example: npm run bench -- gemm --seconds 10 --json gemm.json`;
};

const positive = (name, text) => {
  const value = Number(text);
  if (!(value > 0)) throw new UsageError(`--${name} takes a positive number, not "${text}"`);
  return value;
};

const parse = (argv) => {
  let parsed;
  try {
    parsed = parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        ...{ json: { type: 'string' }, data: { type: 'string' }, seconds: { type: 'string' } },
        ...{ threads: { type: 'string' }, quick: { type: 'boolean' }, 'no-peers': { type: 'boolean' } },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(error.message);
  }
  const { values, positionals } = parsed;
  if (values.help) return undefined;
  const [name, ...rest] = positionals;
  if (!Object.hasOwn(benchmarks, name ?? '') || rest.length > 0) {
    throw new UsageError(name === undefined ? 'which benchmark?' : `there is no benchmark "${positionals.join(' ')}"`);
  }
  const usual = benchmarks[name];
  const threads = values.threads === undefined ? usual.threads : positive('threads', values.threads);
  if (!Number.isInteger(threads)) throw new UsageError('--threads takes a whole number');
  const seconds = values.seconds === undefined ? usual.seconds : positive('seconds', values.seconds);
  const { quick = false, json, data, 'no-peers': alone = false } = values;
  return { name, threads, seconds, quick, json, data, peers: !alone };
};

const main = async (argv) => {
  const options = parse(argv);
  if (!options) {
    console.log(usage());
    return 0;
  }
  const code = stayOnCores(options.threads);
  if (code !== undefined) return code;
  // Loaded only now: nothing of nonet is needed to say that a command line is wrong.
  const { openBench } = await import('./bench.mjs');
  const bench = await openBench(options);
  try {
    const { measure } = await import(`./cases/${options.name}.mjs`);
    const report = createReport({ name: options.name, ...bench.facts() });
    await measure(bench, report);
    report.versions(bench.versions);
    report.print();
    if (options.json) writeFileSync(options.json, `${JSON.stringify(report.json(), null, 2)}\n`);
  } finally {
    await bench.close();
  }
  return 0;
};

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const wrongUse = error instanceof UsageError;
  const unbuilt = error?.code === 'ERR_MODULE_NOT_FOUND' && error.message.includes('dist');
  console.error(`error: ${unbuilt ? 'nonet is not built yet; run "npm run build"' : error.message}`);
  if (wrongUse) console.error(`\n${usage()}`);
  process.exitCode = wrongUse ? 2 : 1;
}
