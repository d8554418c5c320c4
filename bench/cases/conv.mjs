import { compile } from '../../dist/compile/compile.js';
import { apply, convolutionGradientOp, convolutionOp, matmul } from '../../dist/tensor/index.js';
import { noise, stateRunner } from '../arrays.mjs';
import { nativePeer } from '../peers/native.mjs';
import { torch } from '../peers/python.mjs';
import { slope } from '../slope.mjs';

const sizes = [
  { batch: 1, length: 4096, taps: 5, inputs: 256, outputs: 512 },
  { batch: 4, length: 1024, taps: 5, inputs: 512, outputs: 256 },
  { batch: 1, length: 4096, taps: 25, inputs: 256, outputs: 128 },
  { batch: 1, length: 2048, taps: 49, inputs: 128, outputs: 128 },
];
const tiny = [{ batch: 2, length: 16, taps: 5, inputs: 8, outputs: 8 }];
/** How time grows with the length. */
const growing = { batch: 1, taps: 5, inputs: 128, outputs: 128 };
const lengths = [1024, 4096, 16384, 65536];

const directions = ['forward', 'dX', 'dW'];

/** Causal convolutions beside products of matrices as large as the unfolded ones, of which nothing is written here. */
export const measure = async (bench, report) => {
  const field = await bench.field(report, {
    oneDNN: nativePeer('conv_onednn.c', { flags: ['-ldnnl'] }),
    PyTorch: torch('conv.py'),
  });
  for (const size of bench.quick ? tiny : sizes) {
    for (const direction of directions) await measureSize(bench, report, { field, size, direction });
  }
  const all = bench.quick ? [16, 32] : lengths;
  for (const direction of directions) await measureGrowth(bench, report, direction, all);
  report.note('oneDNN has arrays and weights in the layouts that it prefers; PyTorch pads in its own time.');
};

const flopsOf = ({ batch, length, taps, inputs, outputs }) => 2 * batch * length * taps * inputs * outputs;

const measureSize = async (bench, report, { field, size, direction }) => {
  const { batch, length, taps, inputs, outputs } = size;
  const ours = convolutionRunner(bench.executor, size, direction);
  const product = productRunner(bench.executor, size, direction);
  const results = await field.race([ours, product], [batch, length, taps, inputs, outputs, direction]);
  ours.free();
  product.free();
  const of = `${direction} of ${taps} taps, ${inputs} to ${outputs}, ${batch} x ${length}`;
  const amount = flopsOf(size) / 1e9;
  report.addRate({ of, metric: 'speed', unit: 'GFLOP/s', amount, results, peakAmount: bench.peakGflops });
  const share = results.get('product').seconds / results.get('nonet').seconds;
  report.add({ of, metric: "share of the product's speed", unit: '1', nonet: share, better: 'more' });
};

const measureGrowth = async (bench, report, direction, all) => {
  const points = [];
  for (const length of all) {
    const runner = convolutionRunner(bench.executor, { ...growing, length }, direction);
    const { seconds } = (await bench.race([runner])).get('nonet');
    runner.free();
    points.push([length, seconds]);
  }
  const of = `${direction} of ${growing.taps} taps, length ${all[0]} to ${all.at(-1)}`;
  report.add({ of, metric: 'slope of time', unit: '1', nonet: slope(points), better: 'less' });
};

const empty = (shape) => ({ shape, dtype: 'f32' });
const runnerOf = (executor, f, [a, b], result) => {
  const program = compile((state) => ({ state: { c: f(state.a, state.b) } }), { donate: 'state' });
  return stateRunner(executor, program, { a: noise(a), b: noise(b), c: empty(result) });
};

const convolutionRunner = (executor, { batch, length, taps, inputs, outputs }, direction) => {
  const [x, y, weight] = [
    [batch, length, inputs],
    [batch, length, outputs],
    [taps, inputs, outputs],
  ];
  const back = { before: 0, after: taps - 1, transposed: true };
  const causal = { before: taps - 1, after: 0 };
  const runners = {
    forward: [convolutionOp, { ...causal, transposed: false }, [x, weight], y],
    dX: [convolutionOp, back, [y, weight], x],
    dW: [convolutionGradientOp, { ...causal, taps, groups: 0 }, [x, y], weight],
  };
  const [op, attributes, operands, result] = runners[direction];
  return runnerOf(executor, (a, b) => apply(op, [a, b], attributes)[0], operands, result);
};

/** The same multiply-adds as one product over the unfolded matrix. */
const productRunner = (executor, { batch, length, taps, inputs, outputs }, direction) => {
  const rows = batch * length;
  const [wide, back] = [taps * inputs, taps * outputs];
  const runners = {
    forward: [[rows, wide], [wide, outputs], [rows, outputs], {}],
    dX: [[rows, back], [inputs, back], [rows, inputs], { transposeB: true }],
    dW: [[rows, wide], [rows, outputs], [wide, outputs], { transposeA: true }],
  };
  const [a, b, result, transposes] = runners[direction];
  return { ...runnerOf(executor, (left, right) => matmul(left, right, transposes), [a, b], result), name: 'product' };
};
