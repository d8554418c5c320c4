import { checkConfig } from '../dist/train/config.js';
import { depthCorrelations } from './depths.mjs';
import { createTrainings, splitText, textOf } from './timed-training.mjs';

const shape = { preset: 'nano', contextLength: 64, layers: 4 };
/** Few steps want positions to pay early, long runs a larger focus: docs/log.md has what others come to. */
const pondering = { ponderFocus: 3, ponderWeight: 0.012 };
const steps = 700;
/** Of one training on an AVX2 thread; only for the time that is told at the start. */
const usualSeconds = 60;

/** What halting costs and leaves out after the same steps on the same text, and whether depth follows surprise. */
export const measureTraining = async (bench, report) => {
  const text = textOf(bench, report);
  if (!text) return;
  const data = splitText(text, bench);
  const run = createTrainings([usualSeconds, usualSeconds], bench);
  const trained = async (name, model, train) => {
    const config = configOf(bench, data, { name, model, train });
    return { config, ...(await run(name, config)).validation };
  };
  const none = await trained('without halting', {}, {});
  const halting = await trained('halting', { act: true }, pondering);
  const { ahead, read } = await depthCorrelations(halting.config);
  const add = (of, metric, unit, nonet, better) => report.add({ of, metric, unit, nonet, better });
  const layers = halting.config.model.layers;
  add('without halting', 'validation', 'bits/byte', none.bitsPerByte, 'less');
  add('halting', 'validation', 'bits/byte', halting.bitsPerByte, 'less');
  add('halting', 'bits over those without', 'x', halting.bitsPerByte / none.bitsPerByte, 'less');
  add('halting', 'mean depth over the layers', 'x', halting.meanDepth / layers, 'less');
  add('halting', 'rank correlation of surprise and depth', '1', ahead, 'more');
  add('halting', 'rank correlation of the surprise just read and depth', '1', read, 'more');
  report.note(
    `${layers} layers, the same ${none.config.train.steps} steps; focus ${pondering.ponderFocus}, ponder weight ` +
      `${pondering.ponderWeight}. Surprise is that at the byte that a position predicts, unless said.`,
  );
};

const configOf = ({ folder, threads, quick }, data, { name, model, train }) => {
  const small = quick ? { layers: 2, contextLength: 16, dModel: 32, feedForward: 32 } : {};
  const course = quick ? { steps: 2, batchSize: 2, warmupSteps: 1 } : { steps, batchSize: 12, warmupSteps: 100 };
  const tree = {
    run: { root: folder, name },
    ...{ threads, data, model: { ...shape, ...small, ...model } },
    train: { ...course, learningRate: 2e-3, evaluateEvery: 0, checkpointEvery: 0, ...train },
  };
  return checkConfig(tree, 'the benchmark', name);
};
