import { modelFlops } from '../../dist/train/flops.js';
import { batchSize, modelSize, newModel, peerSizes, trainingRunner } from '../models.mjs';
import { jax, newestTorch, torch, tunedEnvironment, tunedNote } from '../peers/python.mjs';

/** 8 x 256 is what peers are compared on; the others show how the share of the peak depends on the size. */
const cases = [
  { title: 'flat, 1 bit', bitsPerPatch: 1, size: {} },
  { title: 'patched, 8 bits', bitsPerPatch: 8, size: {} },
  { title: 'patched, 8 bits', bitsPerPatch: 8, size: { layers: 4, dModel: 128, heads: 4, feedForward: 512 }, only: [] },
  { title: 'patched, 8 bits', bitsPerPatch: 8, size: { layers: 16 }, only: [] },
];

/** Whole training steps, flat (a position is a bit) and patched (a position is a byte). */
export const measure = async (bench, report) => {
  const field = await bench.field(report, {
    PyTorch: torch('train.py'),
    'PyTorch, tuned': torch('train.py', { env: tunedEnvironment(bench.isa) }),
    'PyTorch newest': newestTorch('train.py'),
    'PyTorch newest, compiled': newestTorch('train.py', { words: ['compiled'] }),
    JAX: jax('train_jax.py'),
  });
  for (const one of cases) await measureCase(bench, report, { field, ...one });
  report.note('"executed FLOPs" are all arithmetic of the program, what is computed again counted as well.');
  if (field.running.size > 0) report.note(tunedNote);
};

const measureCase = async (bench, report, { field, title, bitsPerPatch, size, only }) => {
  const batch = batchSize(bench.quick);
  const model = newModel(bitsPerPatch, { ...modelSize(bench.quick), ...(bench.quick ? {} : size) });
  const ours = await trainingRunner(model, batch);
  const results = await field.race([ours], [...peerSizes(model), batch], { only });
  const { program, calls } = ours.plan;
  ours.free();
  const { layers, dModel, contextLength } = model.config;
  const of = `${title}: ${layers} x ${dModel}, ${contextLength} positions, batch ${batch}`;
  report.addRate({ of, metric: 'speed', unit: 'positions/s', amount: batch * contextLength, results });
  const peakAmount = bench.peakGflops;
  const unit = 'GFLOP/s';
  report.addRate({ of, metric: 'model FLOPs', unit, amount: modelFlops(program) / 1e9, results, peakAmount });
  const own = new Map([['nonet', results.get('nonet')]]);
  report.addRate({ of, metric: 'executed FLOPs', unit, amount: executedFlops(calls) / 1e9, results: own, peakAmount });
};

/** The gradient of attention does four products for the model and computes the scores again, which is a fifth. */
const executedFlops = (calls) =>
  calls.reduce((sum, { ops, flops }) => sum + (ops.includes('attentionGradient') ? (flops * 5) / 4 : flops), 0);
