import { checkConfig } from '../../dist/train/config.js';
import { evaluateRun } from '../../dist/train/evaluate.js';
import { trainedModel } from '../../dist/train/model.js';
import { stepPlan } from '../../dist/train/plan.js';
import { createTrainings, splitText, textOf } from '../timed-training.mjs';

/** One model but for what is in its name: windows of 64 bytes, 4 of them a step, so that a minute has hundreds of steps. */
const shape = {
  preset: 'nano',
  bitsPerPatch: 1,
  layers: 4,
  dModel: 128,
  heads: 4,
  feedForward: 512,
  contextLength: 512,
};
const variants = {
  flat: {},
  'flat, in chunks': { chunkSize: 128, overlap: 16 },
  'flat, reversible': { reversible: true },
  'flat, halting': { act: true },
  patched: { bitsPerPatch: 8, contextLength: 64 },
};
/** What is scored of the validation part: all of it would take the flat ones, a pass for every bit, a minute each. */
const validationBytes = 16_384;
const manySteps = 1e6;

/** Variants of one model that train for the same time on the same text, one after the other. */
export const measure = async (bench, report) => {
  const text = textOf(bench, report);
  if (!text) return;
  const { seconds } = bench.options;
  const data = splitText(text, bench, { validationBytes });
  const train = createTrainings(
    Object.keys(variants).map(() => seconds),
    bench,
  );
  for (const [name, model] of Object.entries(variants)) {
    const config = configOf(bench, data, { name, model });
    const { peakBytes } = stepPlan(trainedModel(config), config);
    const { runFolder, steps, bytesPerSecond, trainSeconds } = await train(name, config, endAfter(bench));
    const { bitsPerByte } = await evaluateRun(runFolder, { compressors: false });
    const add = (metric, unit, nonet, better) => report.add({ of: name, metric, unit, nonet, better });
    add('validation', 'bits/byte', bitsPerByte, 'less');
    add('planned peak of memory', 'MB', peakBytes / 1e6, 'less');
    add('training', 'bytes/s', bytesPerSecond, 'more');
    add('steps', '1', steps, 'more');
    add('time of the steps', 's', trainSeconds, 'less');
  }
  const time = bench.quick ? 'two steps' : `${seconds} seconds of the clock, compiling included`;
  report.note(
    `Each is ended after ${time}, at a constant rate, and is scored on the first ` +
      `${validationBytes.toLocaleString('en')} bytes of the last tenth.`,
  );
};

/** Ends a training by the clock, so that all take the same time on a machine that others use too. */
const endAfter = ({ quick, options }) => ({ ...(!quick && { signal: AbortSignal.timeout(options.seconds * 1e3) }) });

const configOf = ({ folder, threads, quick }, data, { name, model }) => {
  // The schedule knows nothing of the end, which the clock decides.
  const length = { steps: quick ? 2 : manySteps, schedule: 'constant', warmupSteps: quick ? 1 : 50 };
  const small = quick ? { layers: 1, dModel: 32, feedForward: 32 } : {};
  const train = { ...length, batchSize: 4, learningRate: 2e-3, evaluateEvery: 0, checkpointEvery: 0 };
  const run = { root: folder, name };
  return checkConfig({ run, threads, data, model: { ...shape, ...model, ...small }, train }, 'the benchmark', name);
};
