import { createModel } from '../dist/index.js';
import { crossing } from './curves.mjs';
import { attentionLayer, convolutionLayer, layerRunner, mixerLayer } from './layer-runs.mjs';
import { activationBytes } from './models.mjs';
import { slope } from './slope.mjs';

const sizes = { width: 128, heads: 4, taps: 5, lengths: [1024, 4096, 16384, 65536] };
const tiny = { width: 8, heads: 2, taps: 3, lengths: [16, 64] };
const depths = [8, 16, 32, 64];
/** Seconds for which the layers of one length are measured at most, but for one repetition of each. */
const limits = { seconds: 4, leastRounds: 1 };

const sizesOf = ({ quick }) => (quick ? tiny : sizes);

/** How the time and the planned memory of one convolution grow with the length, its gradients included. */
export const measureConvolution = async (bench, report) => {
  const { width, taps, lengths } = sizesOf(bench);
  const points = [];
  for (const length of lengths) {
    const runner = layerRunner(bench.executor, convolutionLayer(width, taps), [1, length, width]);
    const { seconds } = (await bench.race([runner], limits)).get('nonet');
    runner.free();
    points.push([length, seconds]);
  }
  const of = `a. convolution of ${taps} taps, ${width} to ${width}, forward and backward, ${spanOf(lengths)}`;
  report.add({ of, metric: 'slope of time', unit: '1', nonet: slope(points), better: 'less' });
};

const spanOf = (lengths) => `length ${lengths[0]} to ${lengths.at(-1)}`;

/** The mixer beside full attention, in turns, length by length, and from which length on it is faster. */
export const measureMixer = async (bench, report) => {
  const { width, lengths } = sizesOf(bench);
  const points = [];
  for (const length of lengths) points.push(await measureLength(bench, report, length, points.at(-1)));
  const of = `b. mixer, K the root of the length, forward and backward, ${spanOf(lengths)}`;
  const add = (metric, nonet, unit = '1') => report.add({ of, metric, unit, nonet, better: 'less' });
  add('slope of time', slope(points.map((point) => [point.length, point.mixer])));
  add('slope of planned activations', slope(points.map((point) => [point.length, point.bytes])));
  const both = points.filter(({ attention }) => attention !== undefined);
  const found = crossing(both.map((point) => [point.length, point.mixer, point.attention]));
  if (found) {
    add(`faster than attention${found.atMost ? ' at all of these lengths,' : ''} from`, found.length, 'positions');
  } else {
    report.note(`b. The mixer is not faster than attention at ${both.at(-1).length} positions.`);
  }
  report.note(
    `b. Two mixers of ${width} features, one for each axis, beside one full attention of the same width with its products.`,
  );
};

const measureLength = async (bench, report, length, before) => {
  const { width, heads } = sizesOf(bench);
  const at = [1, length, width];
  const runners = [layerRunner(bench.executor, mixerLayer(width, length), at)];
  // Its time grows with the square of the length: what would take longer than a whole training is left out.
  const expected = before && before.attention * (length / before.length) ** 2;
  const isShort = bench.quick || !before || expected <= bench.options.seconds;
  if (isShort) runners.push(layerRunner(bench.executor, attentionLayer(width, length, heads), at));
  else report.note(`b. Attention over ${length} positions would take longer than --seconds: left out.`);
  const results = await bench.race(runners, limits);
  for (const { name, plannedBytes, free } of runners) {
    free();
    const of = `b. ${name}, forward and backward, ${width} features, length ${length}`;
    const add = (metric, unit, nonet) => report.add({ of, metric, unit, nonet, better: 'less' });
    add('time', 'ms', 1000 * results.get(name).seconds);
    add('planned activations', 'MB', plannedBytes / 1e6);
  }
  return {
    length,
    mixer: results.get('mixer').seconds,
    attention: results.get('attention')?.seconds,
    bytes: runners[0].plannedBytes,
  };
};

/** Planned memory of a training step against depth, of what the backward pass needs; computes nothing. */
export const planDepths = (bench, report, { config, batchSize }) => {
  const all = bench.quick ? [2, 4] : depths;
  for (const reversible of [false, true]) {
    const kind = reversible ? 'reversible' : 'kept';
    const bytes = all.map((depth) => activationBytes(createModel({ ...config, depth, reversible }), batchSize));
    all.forEach((depth, i) => {
      const of = `c. ${kind}, ${depth} blocks of four steps`;
      report.add({ of, metric: 'planned activations', unit: 'MB', nonet: bytes[i] / 1e6, better: 'less' });
    });
    const metric = `planned activations, ${all.at(-1)} blocks over ${all[0]}`;
    report.add({ of: `c. ${kind}`, metric, unit: 'x', nonet: bytes.at(-1) / bytes[0], better: 'less' });
  }
};
