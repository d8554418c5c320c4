import { checkConfig } from '../../dist/train/config.js';
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
    const { validation, steps, bytesPerSecond, trainSeconds } = await train(name, config);
    const add = (metric, unit, nonet, better) => report.add({ of: name, metric, unit, nonet, better });
    add('validation', 'bits/byte', validation.bitsPerByte, 'less');
    add('planned peak of memory', 'MB', peakBytes / 1e6, 'less');
    add('training', 'bytes/s', bytesPerSecond, 'more');
    add('steps', '1', steps, 'more');
    add('time of the steps', 's', trainSeconds, 'less');
  }
  const time = bench.quick ? 'two steps' : `${seconds} seconds`;
  report.note(
    `Each trains for about ${time}, a speed probe at its start turns the time into steps, and is scored on the first ` +
      `${validationBytes.toLocaleString('en')} bytes of the last tenth.`,
  );
};

const configOf = ({ folder, threads, quick, options }, data, { name, model }) => {
  const length = quick ? { steps: 2 } : { minutes: options.seconds / 60 };
  const small = quick ? { layers: 1, dModel: 32, feedForward: 32 } : {};
  const train = { ...length, batchSize: 4, learningRate: 2e-3, evaluateEvery: 0, checkpointEvery: 0 };
  const run = { root: folder, name };
  return checkConfig({ run, threads, data, model: { ...shape, ...model, ...small }, train }, 'the benchmark', name);
};
