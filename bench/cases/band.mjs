import { attentionGradientOp, attentionOp } from '../../dist/tensor/index.js';
import { attributesOf, backwardRunner, forwardRunner } from '../attention-runs.mjs';

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
export const measure = async (bench, report) => {
  const [all, one] = bench.quick ? [[256, 512], 256] : [lengths, compared];
  const field = await bench.field(report, {});
  for (const direction of Object.keys(directions)) {
    const run = (length, chunks) => measureLength(bench, report, { field, direction, length, chunks });
    const points = [];
    for (const length of all) points.push({ length, ...(await run(length, band)) });
    const of = `${direction} of chunks, length ${all[0]} to ${all.at(-1)}`;
    for (const what of ['time', 'memory']) {
      const nonet = slope(points.map((point) => [point.length, point[what]]));
      report.add({ of, metric: `slope of ${what}`, unit: '1', nonet, better: 'less' });
    }
    const [chunked, full] = [await run(one, band), await run(one, {})];
    const beside = `${direction} of chunks, length ${one}`;
    const add = (metric, nonet, better) => report.add({ of: beside, metric, unit: '1', nonet, better });
    add('share of the speed of full attention', chunked.speed / full.speed, 'more');
    add('part of the time of full attention', chunked.time / full.time, 'less');
  }
  await field.close();
};

const measureLength = async ({ executor }, report, { field, direction, length, chunks }) => {
  const size = { ...sizes, length };
  const { runner, op } = directions[direction];
  const shape = [size.batch, length, size.heads, size.headDim];
  const operand = { shape, dtype: 'f32' };
  const { flops } = op.cost([operand, operand, operand], [], attributesOf(size, chunks));
  const ours = await runner(executor, size, chunks);
  executor.addon.resetPeak();
  await ours.run(1);
  const memory = executor.addon.memory().peak;
  const results = await field.race([ours], []);
  ours.free();
  const kind = chunks.chunkSize ? `${direction} of chunks` : direction;
  const of = `${kind}, length ${length}, ${size.heads} heads of ${size.headDim}`;
  const { nonet: speed } = report.addRate({ of, metric: 'speed', unit: 'GFLOP/s', amount: flops / 1e9, results });
  return { speed, time: flops / speed, memory };
};

/** Of the line of least squares through points on log-log axes. */
const slope = (points) => {
  const logs = points.map((point) => point.map(Math.log));
  const mean = (i) => logs.reduce((total, point) => total + point[i], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  const common = logs.reduce((total, [a, b]) => total + (a - x) * (b - y), 0);
  return common / logs.reduce((total, [a]) => total + (a - x) ** 2, 0);
};
