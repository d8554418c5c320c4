import { compile } from '../../dist/compile/compile.js';
import { apply, attentionGradientOp, attentionWithLogSumExp } from '../../dist/tensor/index.js';
import { noise, stateRunner } from '../arrays.mjs';

const sizes = [
  { batch: 4, heads: 8, length: 512, headDim: 32 },
  { batch: 4, heads: 4, length: 512, headDim: 64 },
  { batch: 1, heads: 8, length: 2048, headDim: 32 },
  { batch: 1, heads: 4, length: 2048, headDim: 64 },
];
const tiny = [{ batch: 1, heads: 2, length: 16, headDim: 8 }];

/** Causal attention; its FLOPs are the model's: two products forward, four backward, of the causal half. */
export const measure = async (bench, report) => {
  const torch = await bench.torch('PyTorch', 'attention.py');
  report.peers(['PyTorch'], torch ? ['PyTorch'] : []);
  for (const size of bench.quick ? tiny : sizes) {
    const { batch, heads, length, headDim } = size;
    for (const [direction, products] of [
      ['forward', 2],
      ['backward', 4],
    ]) {
      const ours = await (direction === 'forward' ? forwardRunner : backwardRunner)(bench.executor, size);
      const theirs = torch ? [{ name: 'PyTorch', run: torch.run, pid: torch.pid }] : [];
      await torch?.case(batch, heads, length, headDim, direction);
      const results = await bench.race([ours, ...theirs]);
      ours.free();
      const pairs = (length * (length + 1)) / 2;
      report.addRate({
        of: `${direction} length ${length}, ${batch} x ${heads} heads of ${headDim}`,
        metric: 'speed',
        unit: 'GFLOP/s',
        amount: (products * 2 * batch * heads * headDim * pairs) / 1e9,
        results,
        peakAmount: bench.peakGflops,
      });
    }
  }
};

const treeOf = ({ batch, heads, length, headDim }) => {
  const shape = [batch, length, heads, headDim];
  const [q, k, v] = [noise(shape), noise(shape), noise(shape)];
  return { q, k, v, o: q, logSumExp: { shape: [batch, heads, length], dtype: 'f32' } };
};

const forwardRunner = (executor, size) => {
  const program = compile(({ q, k, v }) => ({ state: attentionWithLogSumExp({ q, k, v }, { causal: true }) }), {
    donate: 'state',
  });
  return stateRunner(executor, program, treeOf(size));
};

/** The gradient alone, from results of a forward pass that is not timed. */
const backwardRunner = async (executor, size) => {
  const tree = treeOf(size);
  const forward = forwardRunner(executor, size);
  await forward.run(1);
  const [o, logSumExp] = [forward.read('o'), forward.read('logSumExp')];
  forward.free();
  const attributes = { causal: true, scale: 1 / Math.sqrt(size.headDim), keyLength: false, queryOffset: false };
  const program = compile(
    (given) => {
      const operands = [given.q, given.k, given.v, given.o, given.logSumExp, given.dO];
      const [dq, dk, dv] = apply(attentionGradientOp, operands, attributes);
      return { state: { dq, dk, dv } };
    },
    { donate: 'state' },
  );
  return stateRunner(executor, program, { ...tree, o, logSumExp, dO: tree.q, dq: tree.q, dk: tree.q, dv: tree.q });
};
