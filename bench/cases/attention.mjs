import { measureBand } from '../attention-band.mjs';
import { backwardRunner, forwardRunner } from '../attention-runs.mjs';
import { newestTorch, torch } from '../peers/python.mjs';

const sizes = [
  { batch: 4, heads: 8, length: 512, headDim: 32 },
  { batch: 4, heads: 4, length: 512, headDim: 64 },
  { batch: 1, heads: 8, length: 2048, headDim: 32 },
  { batch: 1, heads: 4, length: 2048, headDim: 64 },
];
const tiny = [{ batch: 1, heads: 2, length: 16, headDim: 8 }];

/** GFLOP/s of the multiply-adds of the machine that the bars were set on: figures are also given as if it were this one. */
const barPeak = 153;

/** Causal attention; its FLOPs are the model's: two products forward, four backward, of the causal half. */
export const measure = async (bench, report) => {
  const field = await bench.field(report, {
    PyTorch: torch('attention.py'),
    'PyTorch newest': newestTorch('attention.py'),
  });
  for (const size of bench.quick ? tiny : sizes) {
    for (const [direction, products] of [
      ['forward', 2],
      ['backward', 4],
    ]) {
      await measureDirection(bench, report, { field, size, direction, products });
    }
  }
  report.note('The newest PyTorch uses its fused attention.');
  await measureBand(bench, report);
};

const measureDirection = async (bench, report, { field, size, direction, products }) => {
  const { batch, heads, length, headDim } = size;
  const ours = await (direction === 'forward' ? forwardRunner : backwardRunner)(bench.executor, size);
  const results = await field.race([ours], [batch, heads, length, headDim, direction]);
  ours.free();
  const pairs = (length * (length + 1)) / 2;
  const amount = (products * 2 * batch * heads * headDim * pairs) / 1e9;
  const of = `${direction} length ${length}, ${batch} x ${heads} heads of ${headDim}`;
  const peakAmount = bench.peakGflops;
  report.addRate({ of, metric: 'speed', unit: 'GFLOP/s', amount, results, peakAmount });
  const scaled = (amount * barPeak) / bench.peakGflops;
  const metric = `GFLOP/s per ${barPeak} of probe`;
  report.addRate({ of, metric, unit: 'GFLOP/s', amount: scaled, results });
};
