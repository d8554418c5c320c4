import { compile } from '../dist/compile/compile.js';
import { hostArray } from '../dist/compile/host-array.js';
import { openDataset, prepareData } from '../dist/data/index.js';
import { bind } from '../dist/nn/index.js';
import { slice, sum } from '../dist/tensor/index.js';
import { preparedFolder } from '../dist/train/data.js';
import { loadRun } from '../dist/train/load.js';

/** Windows of the validation part that are looked at. */
const windows = 64;

/**
 * How the depth of positions of a trained model that halts goes with surprise, on the first windows of the validation part:
 * Spearman's rank correlation with the surprise at the byte that a position predicts (`ahead`) and at the one that it has
 * read (`read`).
 */
export const depthCorrelations = async (config) => {
  const { surprise, depth, contextLength } = await positionsOf(config);
  // What the first position of a window has read has no surprise.
  const hasRead = (_, i) => i % contextLength > 0;
  const before = surprise.slice(0, -1).filter((_, i) => hasRead(_, i + 1));
  return { ahead: spearman(surprise, depth), read: spearman(before, depth.filter(hasRead)) };
};

/** Surprise and depth of validation positions, window by window. */
const positionsOf = async (config) => {
  const { model, state } = await loadRun(config.run.name, { root: config.run.root });
  const { folder } = await prepareData(config.data, preparedFolder(config));
  const dataset = await openDataset(folder);
  const { contextLength } = model.config;
  const width = contextLength + 1;
  const count = Math.min(windows, Math.floor(dataset.validationBytes.length / width));
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

/** Spearman's rank correlation, ties at the mean of their ranks. */
export const spearman = (a, b) => {
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
