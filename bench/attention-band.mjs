import { attentionGradientOp, attentionOp } from '../dist/tensor/index.js';
import { attributesOf, backwardRunner, forwardRunner } from './attention-runs.mjs';
import { slope } from './slope.mjs';

const band = { chunkSize: 128, overlap: 16 };
const sizes = { batch: 1, heads: 4, headDim: 32 };
const lengths = [1024, 4096, 16384, 65536];
/** Where the band is set beside full attention. */
const compared = 8192;

const directions = {
  forward: { runner: forwardRunner, op: attentionOp },
  backward: { runner: backwardRunner, op: attentionGradientOp },
};

/**
 * Causal attention in chunks of 128 positions that see 16 more: how time and memory grow with the length, and what is left of
 * the speed and of the time of full attention. FLOPs are those of the pairs that see each other.
 */
export const measureBand = async (bench, report) => {
  const [all, one] = bench.quick ? [[256, 512], 256] : [lengths, compared];
  for (const direction of Object.keys(directions)) {
    const points = [];
    for (const length of all) points.push(await measureLength(bench, report, direction, length));
    const of = `${direction} of chunks, length ${all[0]} to ${all.at(-1)}`;
    for (const what of ['time', 'memory']) {
      const nonet = slope(points.map((point) => [point.length, point[what]]));
      report.add({ of, metric: `slope of ${what}`, unit: '1', nonet, better: 'less' });
    }
    await compare(bench, report, direction, one);
  }
};

const measureLength = async (bench, report, direction, length) => {
  const runner = await runnerOf(bench.executor, direction, length, band);
  const { addon } = bench.executor;
  addon.resetPeak();
  await runner.run(1);
  const memory = addon.memory().peak;
  const results = await bench.race([runner]);
  runner.free();
  const of = `${direction} of chunks, length ${length}, ${sizes.heads} heads of ${sizes.headDim}`;
  report.addRate({ of, metric: 'speed', unit: 'GFLOP/s', amount: runner.flops / 1e9, results });
  return { length, time: results.get('nonet').seconds, memory };
};

/** Chunks beside full attention, in turns. */
const compare = async ({ executor, race }, report, direction, length) => {
  const chunked = { ...(await runnerOf(executor, direction, length, band)), name: 'chunked' };
  const full = { ...(await runnerOf(executor, direction, length, {})), name: 'full' };
  const results = await race([chunked, full]);
  chunked.free();
  full.free();
  const time = results.get('chunked').seconds / results.get('full').seconds;
  const of = `${direction} of chunks, length ${length}`;
  const add = (metric, nonet, better) => report.add({ of, metric, unit: '1', nonet, better });
  add('share of the speed of full attention', chunked.flops / full.flops / time, 'more');
  add('part of the time of full attention', time, 'less');
};

/** A competitor with its FLOPs. */
const runnerOf = async (executor, direction, length, chunks) => {
  const size = { ...sizes, length };
  const { runner, op } = directions[direction];
  const operand = { shape: [size.batch, length, size.heads, size.headDim], dtype: 'f32' };
  const { flops } = op.cost([operand, operand, operand], [], attributesOf(size, chunks));
  return { ...(await runner(executor, size, chunks)), flops };
};
