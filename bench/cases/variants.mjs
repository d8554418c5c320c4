import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkConfig } from '../../dist/train/config.js';
import { trainedModel } from '../../dist/train/model.js';
import { stepPlan } from '../../dist/train/plan.js';
import { train } from '../../dist/train/trainer.js';

const usualText = fileURLToPath(new URL('../../../shared/data/tinyshakespeare.txt', import.meta.url));

/** One model but for what is in its name: windows of 128 bytes, 8 of them a step. */
const shape = { preset: 'classic', layers: 4, dModel: 128, heads: 4, feedForward: 512, contextLength: 1024 };
const variants = {
  flat: {},
  'flat, in chunks': { chunkSize: 128, overlap: 16 },
  'flat, reversible': { reversible: true },
  'flat, halting': { act: true },
  patched: { bitsPerPatch: 8, classicHead: false, contextLength: 128 },
};

/** Variants of one model that train for the same time on the same text, one after the other. */
export const measure = async (bench, report) => {
  const text = bench.options.data ?? usualText;
  if (!existsSync(text)) return report.note(`skipped: ${text} is not there; give the text with --data FILE`);
  const used = bench.quick ? excerpt(text, bench.folder) : text;
  for (const [name, model] of Object.entries(variants)) {
    const config = configOf(bench, used, { name, model });
    const { peakBytes } = stepPlan(trainedModel(config), config);
    const { validation, steps, bytesPerSecond, trainSeconds } = await train(config);
    const add = (metric, unit, nonet, better) => report.add({ of: name, metric, unit, nonet, better });
    add('validation', 'bits/byte', validation.bitsPerByte, 'less');
    add('planned peak of memory', 'MB', peakBytes / 1e6, 'less');
    add('training', 'bytes/s', bytesPerSecond, 'more');
    add('steps', '1', steps, 'more');
    add('time of the steps', 's', trainSeconds, 'less');
  }
  const time = bench.quick ? 'two steps' : `${bench.options.seconds} seconds`;
  report.note(`Each trains for about ${time}; a speed probe at its start turns the time into steps.`);
};

const excerpt = (text, folder) => {
  const path = join(folder, 'excerpt.txt');
  writeFileSync(path, readFileSync(text).subarray(0, 20_000));
  return path;
};

const configOf = ({ folder, threads, quick, options }, path, { name, model }) => {
  const length = quick ? { steps: 2 } : { minutes: options.seconds / 60 };
  const small = quick ? { layers: 1, dModel: 32, feedForward: 32 } : {};
  const train = { ...length, batchSize: 8, learningRate: 1e-3, evaluateEvery: 0, checkpointEvery: 0 };
  const run = { root: folder, name };
  return checkConfig(
    { run, threads, data: { path }, model: { ...shape, ...model, ...small }, train },
    'the benchmark',
    name,
  );
};
