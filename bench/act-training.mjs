// What adaptive computation time costs and gives: a model without it beside models with it at several ponder weights, all
// trained alike on the same text. Keys of a recipe change what is alike: --set threads=1.
//
//   node bench/act-training.mjs TEXT [--steps 1500] [--layers 4] [--weights none,0,0.001,0.003] [--seed 1337] [--set key=value]...
//
// Prints bits per byte and mean depth on the validation part, and Spearman's rank correlation of the depth of a position with
// the surprise at the byte that it predicts and with that at the byte that it has read; for docs/log.md.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compile } from '../dist/compile/compile.js';
import { hostArray } from '../dist/compile/host-array.js';
import { openDataset, prepareData } from '../dist/data/index.js';
import { bind } from '../dist/nn/index.js';
import { slice, sum } from '../dist/tensor/index.js';
import { checkConfig, withSettings } from '../dist/train/config.js';
import { preparedFolder } from '../dist/train/data.js';
import { loadRun } from '../dist/train/load.js';
import { train } from '../dist/train/trainer.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: 'string', default: '1500' },
    layers: { type: 'string', default: '4' },
    weights: { type: 'string', default: 'none,0,0.001,0.003' },
    seed: { type: 'string', default: '1337' },
    set: { type: 'string', multiple: true, default: [] },
  },
});
const [text] = positionals;
if (!text) throw new Error('usage: node bench/act-training.mjs TEXT [--steps 1500] [--layers 4] [--weights 0,0.001]');

const root = mkdtempSync(join(tmpdir(), 'nonet-act-'));
const batch = 64;

const configOf = (name, model, ponderWeight) => {
  const tree = {
    run: { root, name },
    seed: Number(values.seed),
    data: { path: text },
    model: { preset: 'nano', contextLength: 128, layers: Number(values.layers), ...model },
    train: {
      ...{ steps: Number(values.steps), batchSize: 16, learningRate: 2e-3, warmupSteps: 100 },
      ...{ evaluateEvery: 0, checkpointEvery: 0, ponderWeight },
    },
  };
  return checkConfig(withSettings(tree, values.set), 'the benchmark', name);
};

/** Surprise and depth of validation positions, window by window. */
const positionsOf = async (config) => {
  const { model, state } = await loadRun(config.run.name, { root });
  const { folder } = await prepareData(config.data, preparedFolder(config));
  const dataset = await openDataset(folder);
  const { contextLength } = model.config;
  const width = contextLength + 1;
  const count = Math.min(batch, Math.floor(dataset.validationBytes.length / width));
  const bytes = Int32Array.from(dataset.validationBytes.read(0, count * width));
  const look = compile((all, x) => {
    const { parameters } = all;
    const inputs = slice(x, { axis: 1, end: contextLength });
    return bind(model, parameters, () => ({
      surprise: sum(model.bitCosts(inputs, slice(x, { axis: 1, start: 1 })), { axes: [2] }),
      depth: model.forward(inputs).pondered.depth,
    }));
  });
  const { surprise, depth } = await look(state, hostArray(bytes, [count, width]));
  state.free();
  dataset.close();
  return { surprise: surprise.data, depth: depth.data, contextLength };
};

/** Of the numbers' ranks, ties at the mean of theirs. */
const spearman = (a, b) => {
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (x.length - 1) / 2;
  const product = (u, v) => u.reduce((total, one, i) => total + (one - middle) * (v[i] - middle), 0);
  return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
};

const ranks = (numbers) => {
  const order = Array.from(numbers, (_, i) => i).sort((i, j) => numbers[i] - numbers[j]);
  const result = new Float64Array(numbers.length);
  for (let from = 0, to; from < order.length; from = to) {
    for (to = from + 1; to < order.length && numbers[order[to]] === numbers[order[from]]; ) to++;
    for (let i = from; i < to; i++) result[order[i]] = (from + to - 1) / 2;
  }
  return result;
};

try {
  console.log(`${values.layers} layers, ${values.steps} steps, seed ${values.seed} ${values.set.join(' ')}\n`);
  console.log(
    '| ponder weight | bits per byte | over none | mean depth | of the layers | surprise ahead | just read |',
  );
  console.log('|---|---|---|---|---|---|---|');
  let none;
  for (const weight of values.weights.split(',')) {
    const halts = weight !== 'none';
    const config = configOf(`w${weight}`, { act: halts }, halts ? Number(weight) : 0);
    const { bitsPerByte, meanDepth } = (await train(config)).validation;
    if (!halts) {
      none = bitsPerByte;
      console.log(`| no halting | ${none.toFixed(4)} | | ${values.layers} | | | |`);
      continue;
    }
    const { surprise, depth, contextLength } = await positionsOf(config);
    // What the first position of a window has read has no surprise.
    const hasRead = (_, i) => i % contextLength > 0;
    const read = [surprise.slice(0, -1).filter((_, i) => hasRead(_, i + 1)), depth.filter(hasRead)];
    const cells = [
      ...[weight, bitsPerByte.toFixed(4), none ? `${((bitsPerByte / none - 1) * 100).toFixed(2)} %` : ''],
      ...[meanDepth.toFixed(3), (meanDepth / Number(values.layers)).toFixed(3)],
      ...[spearman(surprise, depth).toFixed(3), spearman(...read).toFixed(3)],
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
