import { compile } from '../../dist/compile/compile.js';
import { bind, LayerNorm, parameterTypes, RMSNorm } from '../../dist/nn/index.js';
import { adamW } from '../../dist/optim/index.js';
import * as ops from '../../dist/tensor/index.js';
import { valueAndGrad } from '../../dist/transform/index.js';
import { integers, noise, stateRunner } from '../arrays.mjs';

/** `bytes` an element moves at least, in f32: what the work must read and write once. */
const work = [
  ...['rmsNorm', 'layerNorm', 'softmax', 'gelu'].flatMap((name) => [
    { name, direction: 'forward', bytes: 8 },
    { name, direction: 'both', bytes: 16 },
  ]),
  { name: 'crossEntropy', direction: 'both', bytes: 8 },
  { name: 'adamW', direction: 'update', bytes: 28 },
];

const titles = {
  ...{ rmsNorm: 'RMSNorm', layerNorm: 'LayerNorm', softmax: 'softmax', gelu: 'GELU' },
  ...{ crossEntropy: 'cross entropy', adamW: 'AdamW' },
};
const directions = { forward: 'forward', both: 'forward+backward', update: 'update' };

/** Work that goes over rows at the speed of memory. */
export const measure = async (bench, report) => {
  const torch = await bench.torch('PyTorch', 'rows.py');
  report.peers(['PyTorch'], torch ? ['PyTorch'] : []);
  for (const { name, direction, bytes } of work) {
    const [rows, columns] = sizeOf(name, bench.quick);
    const { program, tree } = setUps[name](rows, columns, direction);
    const ours = stateRunner(bench.executor, program, tree);
    const theirs = torch ? [{ name: 'PyTorch', run: torch.run, pid: torch.pid }] : [];
    await torch?.case(name, rows, columns, direction);
    const results = await bench.race([ours, ...theirs]);
    ours.free();
    const of = `${titles[name]} ${directions[direction]} [${rows}, ${columns}]`;
    const elements = rows * columns;
    report.addTime({ of, metric: 'time', unit: 'ns/element', scale: elements * 1e-9, results });
    report.addRate({ of, metric: 'bandwidth', unit: 'GB/s', amount: (elements * bytes) / 1e9, results });
  }
};

const sizeOf = (name, quick) => {
  if (quick) return [16, 32];
  if (name === 'adamW') return [2048, 2048];
  return [4096, name === 'softmax' ? 512 : 256];
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
  crossEntropy: (rows, columns) => {
    const mean = (logits, targets) => {
      const truth = ops.reshape(ops.takeAlong(logits, ops.expandDims(targets, -1)), [rows]);
      return ops.mean(ops.sub(ops.logSumExp(logits), truth));
    };
    const program = compile(
      ({ logits, targets }) => {
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
