/** `node memory-step.mjs BITS THREADS quick|full`: two training steps in a fresh process; prints what they took as JSON. */
import { defaultExecutor, setThreads } from '../dist/compile/default-executor.js';
import { batchSize, modelSize, newModel, trainingRunner } from './models.mjs';

const [bitsPerPatch, threads, size] = process.argv.slice(2);
const quick = size === 'quick';
setThreads(Number(threads));
const { addon } = defaultExecutor();
const runner = await trainingRunner(newModel(Number(bitsPerPatch), modelSize(quick)), batchSize(quick));
addon.resetPeak();
await runner.run(2);
const { peakBytes, arenaBytes } = runner.plan;
console.log(
  JSON.stringify({
    plannedBytes: peakBytes,
    activationBytes: arenaBytes,
    nativePeakBytes: addon.memory().peak,
    residentPeakBytes: process.resourceUsage().maxRSS * 1024,
  }),
);
