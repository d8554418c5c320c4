import { compile, nn, ops, valueAndGrad } from '../dist/index.js';
import { noise, stateRunner } from './arrays.mjs';

const isType = (value) => Array.isArray(value.shape);

/**
 * A competitor that computes a module of noise forward, and backward to the gradients of its input [batch, length, width] and
 * of its parameters. `plannedBytes` is what that takes beside operands and results.
 */
export const layerRunner = (executor, { name, module, forward }, [batch, length, width]) => {
  const x = noise([batch, length, width]);
  const parameters = ops.treeMap(nn.parameterTypes(module), isType, ({ shape }) => noise(shape));
  const program = compile(
    (given) => {
      const weighted = (at) => {
        const y = nn.bind(module, at.parameters, () => forward(at.x));
        return [ops.sum(ops.mul(y, given.dy)), y];
      };
      const [[, y], gradients] = valueAndGrad(weighted, { auxiliary: true })({
        x: given.x,
        parameters: given.parameters,
      });
      return { state: { y, dx: gradients.x, gradients: gradients.parameters } };
    },
    { donate: 'state' },
  );
  const tree = { x, parameters, dy: noise([batch, length, width]), y: x, dx: x, gradients: parameters };
  const types = ops.treeMap(tree, isType, ({ shape, dtype }) => ({ shape, dtype }));
  const { arenaBytes } = program.plan({ state: types });
  return { ...stateRunner(executor, program, tree), name, plannedBytes: arenaBytes };
};

/** A causal convolution of as many features as it gets. */
export const convolutionLayer = (width, taps) => {
  const module = new nn.CausalConvolution({ inputs: width, outputs: width, taps });
  return { name: 'nonet', module, forward: (x) => module.forward(x) };
};

/** Axial mixers along both axes of a length, K its root: together they reach all of it, as one attention does. */
export const mixerLayer = (width, length) => {
  const kernel = Math.sqrt(length);
  const module = { mixers: [0, 1].map((axis) => new nn.AxialMixer({ width, length, kernel, axis })) };
  return { name: 'mixer', module, forward: (x) => module.mixers.reduce((y, mixer) => mixer.forward(y), x) };
};

/** Full causal attention with its products and turned positions, as olmax has it in place of a mixer. */
export const attentionLayer = (width, length, heads) => {
  const residualDeviation = 1 / Math.sqrt(width);
  const module = new nn.CausalSelfAttention({ width, heads, biases: false, residualDeviation });
  const headDim = width / heads;
  const { cos, sin } = nn.rotaryTables(length, headDim);
  const rows = (values) => ops.constantArray(values, [1, length, headDim / 2]);
  return { name: 'attention', module, forward: (x) => module.forward(x, { cos: rows(cos), sin: rows(sin) }) };
};
