import { cacheSizes, measureSecondThread } from '../../dist/cli/second-thread.js';
import { setThreads } from '../../dist/compile/default-executor.js';
import { median } from '../harness.mjs';
import { batchSize, modelSize, newModel, trainingRunner } from '../models.mjs';
import { gainOfMix } from '../second-thread.mjs';

/** What a second thread gives a training step, beside what the machine has to give. */
export const measure = async (bench, report) => {
  if (bench.threads !== 2) throw new Error('"threads" compares two threads with one');
  const gains = await machineGains(bench);
  for (const [what, gain] of Object.entries(gains)) {
    report.add({ of: 'the machine', metric: machineMetrics[what], unit: 'x', nonet: gain, better: 'more' });
  }
  for (const [bitsPerPatch, title] of [
    [1, 'flat, 1 bit'],
    [8, 'patched, 8 bits'],
  ]) {
    const model = newModel(bitsPerPatch, modelSize(bench.quick));
    const runner = await trainingRunner(model, batchSize(bench.quick));
    const results = await bench.race([onThreads(runner, 1), onThreads(runner, 2)]);
    setThreads(1);
    const calls = await runner.profile();
    runner.free();
    const { layers, dModel } = model.config;
    const of = `${title}: ${layers} x ${dModel}`;
    const gain = results.get('1').seconds / results.get('2').seconds;
    // Data of a call on two threads may lie in the caches of both.
    const { l2, l3 } = cacheSizes();
    const possible = gainOfMix(calls, gains, { l2, l3 });
    const add = (metric, unit, value) => report.add({ of, metric, unit, nonet: value, better: 'more' });
    add('two threads over one', 'x', gain);
    add('what the machine gives for that mix', 'x', possible);
    add('share of what the machine gives', '1', gain / possible);
  }
  setThreads(2);
};

const machineMetrics = {
  fma: 'second thread, FMA',
  l2: 'second thread, reading L2',
  l3: 'second thread, reading L3',
  memory: 'second thread, reading memory',
};

/** The median of a few measurements of each. */
const machineGains = async ({ addon, quick }) => {
  const found = [];
  for (let i = 0; i < (quick ? 1 : 5); i++) found.push(await measureSecondThread(addon, quick ? 0.002 : 0.1));
  const gainOf = (what) => median(found.map((gains) => gains[what]));
  return Object.fromEntries(Object.keys(machineMetrics).map((what) => [what, gainOf(what)]));
};

const onThreads = (runner, threads) => ({
  name: String(threads),
  run: (n) => {
    setThreads(threads);
    return runner.run(n);
  },
});
