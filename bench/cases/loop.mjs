import { batchSize, modelSize, newModel, trainingRunner } from '../models.mjs';

/** Milliseconds between two looks at the clock. */
const interval = 1;

/**
 * How long the event loop is kept from other work while training steps run: a timer looks at the clock every millisecond,
 * and what passes beyond that was a block. The loop has a core of its own.
 */
export const measure = async (bench, report) => {
  const model = newModel(8, modelSize(bench.quick));
  const runner = await trainingRunner(model, batchSize(bench.quick));
  await runner.run(2);
  const blocks = await blocksDuring(() => stepsFor(runner, bench.quick ? 0.05 : bench.options.seconds));
  runner.free();
  blocks.sort((a, b) => a - b);
  const { layers, dModel } = model.config;
  const add = (metric, value) =>
    report.add({ of: `training steps of ${layers} x ${dModel}`, metric, unit: 'ms', nonet: value, better: 'less' });
  add('longest block', blocks.at(-1));
  add('block that 1 in 1000 looks is longer than', blocks[Math.floor(0.999 * (blocks.length - 1))]);
};

const stepsFor = async (runner, seconds) => {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) await runner.run(1);
};

/** Milliseconds of each block while `work` is done. */
const blocksDuring = async (work) => {
  const blocks = [];
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    blocks.push(Math.max(0, now - last - interval));
    last = now;
  }, interval);
  await work();
  clearInterval(timer);
  // A block may have ended with the work, before the timer's turn.
  blocks.push(Math.max(0, performance.now() - last - interval));
  return blocks;
};
