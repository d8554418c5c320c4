import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { defaultExecutor, setThreads } from '../dist/compile/default-executor.js';
import { allowedCores } from './cores.mjs';
import { openField } from './field.mjs';
import { createGate } from './gate.mjs';
import { race } from './harness.mjs';

/** Seconds of multiply-adds that one probe takes: some thirty stretches, of which the best counts. */
const probeSeconds = 0.0003;

/** What the cases share: the engine, the gate on a quiet core, the peers, a folder for scratch files. */
export const openBench = async (options) => {
  const { threads, quick, seconds, peers } = options;
  setThreads(threads);
  const executor = defaultExecutor();
  if (executor.name !== 'native') throw new Error('benchmarks need the native engine; run "npm run build"');
  const { addon } = executor;
  const folder = mkdtempSync(join(tmpdir(), 'nonet-bench-'));
  const fields = [];
  const versions = { nonet: packageVersion(), node: process.versions.node };

  const probe = () => addon.probe('fma', probeSeconds, threads);
  const gate = await createGate(probe, { warmUp: quick ? 5 : 200 });
  const peakGflops = await addon.probe('fma', quick ? 0.02 : 0.3, threads);
  const raceAll = (competitors, limits = {}) => race(competitors, { gate, seconds, quick, ...limits });

  return {
    ...{ options, executor, addon, folder, quick, threads, versions, peakGflops, isa: addon.describe().isa },
    race: raceAll,
    /** The peers of a report, by name; see `openField`. */
    field: async (report, wanted) => {
      const shared = { threads, folder };
      const field = await openField(wanted, { report, race: raceAll, versions, shared, run: peers });
      fields.push(field);
      return field;
    },
    facts: () => ({ threads, machine: machineFacts(addon) }),
    close: async () => {
      await Promise.all(fields.map((field) => field.close()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

const packageVersion = () => JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;

const machineFacts = (addon) => {
  const { cpu, isa } = addon.describe();
  return { cpu, isa, cores: allowedCores().length, memoryBytes: totalmem(), load: loadavg()[0] };
};
