import { compile } from '../../dist/compile/compile.js';
import { matmul } from '../../dist/tensor/index.js';
import { noise, stateRunner } from '../arrays.mjs';
import { nativePeer } from '../peers/native.mjs';
import { fittingKernels } from '../peers/process.mjs';
import { measureEpilogues } from './epilogues.mjs';

const forward = [
  ...[
    [4096, 256, 256],
    [4096, 256, 1024],
    [4096, 1024, 256],
  ],
  ...[
    [4096, 128, 128],
    [4096, 128, 512],
    [1024, 1024, 1024],
    [252, 256, 256],
  ],
].map(([m, k, n]) => ({ m, k, n, kind: 'forward' }));

/** Gradients of weights, A^T B, and of inputs, A B^T. */
const backward = [
  { m: 256, k: 4096, n: 1024, kind: 'dW', transposeA: true },
  { m: 1024, k: 4096, n: 256, kind: 'dW', transposeA: true },
  { m: 256, k: 4096, n: 256, kind: 'dW', transposeA: true },
  { m: 4096, k: 1024, n: 256, kind: 'dX', transposeB: true },
];

const tiny = [
  { m: 64, k: 32, n: 48, kind: 'forward' },
  { m: 64, k: 32, n: 48, kind: 'dW', transposeA: true },
];

/** Products C = A B of the shapes that a training step is made of, then what is done to their results. */
export const measure = async (bench, report) => {
  const field = await bench.field(report, {
    OpenBLAS: nativePeer('gemm_openblas.c', { flags: ['-lopenblas'] }),
    'OpenBLAS, fitted': nativePeer('gemm_openblas.c', { flags: ['-lopenblas'], env: fittingKernels(bench.isa) }),
    oneDNN: nativePeer('gemm_onednn.c', { flags: ['-ldnnl'] }),
  });
  const rows = [];
  for (const shape of bench.quick ? tiny : [...forward, ...backward]) {
    rows.push(await measureShape(bench, report, shape, field));
  }
  addMeans(report, rows);
  await measureEpilogues(bench, report);
  if (field.running.size > 0) report.note('OpenBLAS is as installed; "fitted" tells it which kernels suit this CPU.');
};

const measureShape = async (bench, report, shape, field) => {
  const { m, k, n, kind, transposeA = false, transposeB = false } = shape;
  const ours = stateRunner(bench.executor, productProgram({ transposeA, transposeB }), {
    a: noise(transposeA ? [k, m] : [m, k]),
    b: noise(transposeB ? [n, k] : [k, n]),
    c: { shape: [m, n], dtype: 'f32' },
  });
  const results = await field.race([ours], [m, k, n, Number(transposeA), Number(transposeB)]);
  ours.free();
  return report.addRate({
    of: `${kind} ${m}x${k}x${n}`,
    metric: 'speed',
    unit: 'GFLOP/s',
    amount: (2 * m * k * n) / 1e9,
    results,
    peakAmount: bench.peakGflops,
  });
};

const productProgram = (transposes) =>
  compile(({ a, b }) => ({ state: { c: matmul(a, b, transposes) } }), { donate: 'state' });

/** Geometric means: those of the ratios are the ratios of the means. */
const addMeans = (report, rows) => {
  const mean = (values) => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
  const peers = Object.keys(rows[0].peers).filter((peer) => rows.every((row) => row.peers[peer] !== null));
  report.add({
    of: 'geometric mean',
    metric: 'speed',
    unit: 'GFLOP/s',
    nonet: mean(rows.map((row) => row.nonet)),
    peers: Object.fromEntries(peers.map((peer) => [peer, mean(rows.map((row) => row.peers[peer]))])),
    better: 'more',
    peakShare: mean(rows.map((row) => row.peakShare)),
  });
};
