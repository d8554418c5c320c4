import { compile } from '../../dist/compile/compile.js';
import { bind, LayerNorm, parameterTypes, RMSNorm } from '../../dist/nn/index.js';
import { adamW } from '../../dist/optim/index.js';
import * as ops from '../../dist/tensor/index.js';
import { valueAndGrad } from '../../dist/transform/index.js';
import { integers, noise, stateRunner } from '../arrays.mjs';
import { nativePeer } from '../peers/native.mjs';
import { torch } from '../peers/python.mjs';

/** `bytes` an element moves at least, in f32: what the work must read and write once. */
const work = [
  ...['rmsNorm', 'layerNorm', 'softmax', 'gelu'].flatMap((name) => [
    { name, direction: 'forward', bytes: 8 },
    { name, direction: 'both', bytes: 16 },
  ]),
  { name: 'crossEntropy', direction: 'forward', bytes: 4 },
  { name: 'crossEntropy', direction: 'both', bytes: 8 },
  { name: 'adamW', direction: 'update', bytes: 28 },
];

const titles = {
  ...{ rmsNorm: 'RMSNorm', layerNorm: 'LayerNorm', softmax: 'softmax', gelu: 'GELU' },
  ...{ crossEntropy: 'cross entropy', adamW: 'AdamW' },
};
const directions = { forward: 'forward', both: 'forward+backward', update: 'update' };

/** Rows whose arrays all lie in the second-level cache, and rows whose every array is larger than a last-level one. */
const places = [
  { place: 'in cache', rows: 64, columns: 256 },
  { place: 'streaming', rows: 65536, columns: 256 },
];
const tiny = { rows: 16, columns: 64 };

/** Work that goes over rows at the speed of arithmetic in cache, and of memory elsewhere. */
export const measure = async (bench, report) => {
  // The loops are written for one thread.
  const handFused = nativePeer('rows_hand.c', { flags: ['-O3', '-march=native', '-lm'] });
  const field = await bench.field(report, {
    'hand-fused': (shared) => (shared.threads === 1 ? handFused(shared) : undefined),
    PyTorch: torch('rows.py'),
  });
  for (const { place, ...size } of places) {
    for (const { name, direction, bytes } of work) {
      const { rows, columns } = bench.quick ? tiny : size;
      const elements = rows * columns;
      const { program, tree } = setUps[name](rows, columns, direction);
      const ours = stateRunner(bench.executor, program, tree);
      const copy = place === 'streaming' ? [copyRunner(bench, elements * bytes)] : [];
      const results = await field.race([ours, ...copy], [name, rows, columns, direction]);
      ours.free();
      const of = `${titles[name]} ${directions[direction]} [${rows}, ${columns}], ${place}`;
      report.addTime({ of, metric: 'time', unit: 'ns/element', scale: elements * 1e-9, results });
      if (place === 'streaming') addBandwidths(report, { of, moved: elements * bytes, results });
    }
  }
  report.note('"hand-fused" are the loops of bench/peers/rows_hand.c, compiled for this processor.');
};

/** What memory gives a copy of as many bytes as the work moves, read and written counted. */
const copyRunner = ({ addon, threads, quick }, bytes) => ({
  name: 'copy',
  run: async (n) => (n * bytes) / ((await addon.probe('copy', quick ? 0.001 : 0.03, threads, bytes)) * 1e9),
});

const addBandwidths = (report, { of, moved, results }) => {
  report.addRate({ of, metric: 'bandwidth', unit: 'GB/s', amount: moved / 1e9, results });
  report.add({
    of,
    metric: 'share of the copy bandwidth',
    unit: '1',
    nonet: results.get('copy').seconds / results.get('nonet').seconds,
    better: 'more',
  });
};

/** A function of x and parameters, alone or with its gradients by a given cotangent of its result. */
const mapped = (types, f) => (rows, columns, direction) => {
  const x = noise([rows, columns]);
  const parameters = types(columns);
  if (direction === 'forward') {
    return {
      program: compile(({ x: input, parameters: p }) => ({ state: { y: f(input, p, columns) } }), { donate: 'state' }),
      tree: { x, parameters, y: x },
    };
  }
  const program = compile(
    ({ x: input, parameters: p, dy }) => {
      const weighted = (variables) => {
        const y = f(variables.x, variables.p ?? {}, columns);
        return [ops.sum(ops.mul(y, dy)), y];
      };
      const variables = p ? { x: input, p } : { x: input };
      const [[, y], gradients] = valueAndGrad(weighted, { auxiliary: true })(variables);
      return { state: { y, dx: gradients.x, ...(p && { gradients: gradients.p }) } };
    },
    { donate: 'state' },
  );
  return { program, tree: { x, parameters, dy: noise([rows, columns]), y: x, dx: x, gradients: parameters } };
};

/** A layer as such a function. */
const layer = (Layer) =>
  mapped(
    (columns) => parameterTypes(new Layer(columns)),
    (x, parameters, columns) => {
      const module = new Layer(columns);
      return bind(module, parameters, () => module.forward(x));
    },
  );

const setUps = {
  rmsNorm: layer(RMSNorm),
  layerNorm: layer(LayerNorm),
  softmax: mapped(
    () => ({}),
    (x) => ops.softmax(x),
  ),
  gelu: mapped(
    () => ({}),
    (x) => ops.gelu(x),
  ),
  crossEntropy: (rows, columns, direction) => {
    const mean = (logits, targets) => {
      const truth = ops.reshape(ops.takeAlong(logits, ops.expandDims(targets, -1)), [rows]);
      return ops.mean(ops.sub(ops.logSumExp(logits), truth));
    };
    const program = compile(
      ({ logits, targets }) => {
        if (direction === 'forward') return { state: { loss: mean(logits, targets) } };
        const [loss, gradient] = valueAndGrad((x) => mean(x, targets))(logits);
        return { state: { loss, gradient } };
      },
      { donate: 'state' },
    );
    const logits = noise([rows, columns]);
    const loss = { shape: [], dtype: 'f32' };
    return { program, tree: { logits, targets: integers([rows], columns), loss, gradient: logits } };
  },
  adamW: (rows, columns) => {
    const values = noise([rows, columns]);
    const scalar = { shape: [], dtype: 'f32' };
    const program = compile(
      ({ weight, gradient, first, second, learningRate, step }) => {
        const wrapped = { parameters: { weight }, gradients: { weight: gradient } };
        const moments = { first: { weight: first }, second: { weight: second } };
        const next = adamW({ ...wrapped, ...moments }, { learningRate, step: ops.add(step, 1) });
        return {
          state: { weight: next.parameters.weight, first: next.first.weight, second: next.second.weight },
        };
      },
      { donate: 'state' },
    );
    const zeros = { shape: [rows, columns], dtype: 'f32' };
    const tree = { weight: values, gradient: values, first: zeros, second: zeros, learningRate: scalar, step: scalar };
    return { program, tree };
  },
};
