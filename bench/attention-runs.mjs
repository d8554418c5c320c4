import { compile } from '../dist/compile/compile.js';
import { apply, attentionGradientOp, attentionWithLogSumExp } from '../dist/tensor/index.js';
import { noise, stateRunner } from './arrays.mjs';

const treeOf = ({ batch, heads, length, headDim }) => {
  const shape = [batch, length, heads, headDim];
  const [q, k, v] = [noise(shape), noise(shape), noise(shape)];
  return { q, k, v, o: q, logSumExp: { shape: [batch, heads, length], dtype: 'f32' } };
};

/** A competitor that computes causal attention of noise; `chunks` are options of attention. */
export const forwardRunner = (executor, size, chunks = {}) => {
  const options = { causal: true, ...chunks };
  const program = compile(({ q, k, v }) => ({ state: attentionWithLogSumExp({ q, k, v }, options) }), {
    donate: 'state',
  });
  return stateRunner(executor, program, treeOf(size));
};

/** The gradient alone, from results of a forward pass that is not timed. */
export const backwardRunner = async (executor, size, chunks = {}) => {
  const tree = treeOf(size);
  const forward = forwardRunner(executor, size, chunks);
  await forward.run(1);
  const [o, logSumExp] = [forward.read('o'), forward.read('logSumExp')];
  forward.free();
  const attributes = attributesOf(size, chunks);
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

/** Of the ops, as the runners call them. */
export const attributesOf = ({ headDim }, { chunkSize = 0, overlap = 0 } = {}) => {
  const scale = 1 / Math.sqrt(headDim);
  return { causal: true, scale, chunkSize, overlap, keyLength: false, queryOffset: false };
};
