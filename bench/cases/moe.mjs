import { compile } from '../../dist/compile/compile.js';
import { defaultExecutor } from '../../dist/compile/default-executor.js';
import { nest } from '../../dist/compile/trace.js';
import { bind, FeedForward, MixtureOfExperts, parametersOf } from '../../dist/nn/index.js';
import { mul, sum } from '../../dist/tensor/index.js';
import { valueAndGrad } from '../../dist/transform/index.js';
import { noise, stateRunner } from '../arrays.mjs';

const few = 4;
const many = 64;

/**
 * A mixture of experts of which each position goes to one, with few and with many experts, beside the plain feed-forward part
 * of the same active FLOPs: gate, sorting, moves of rows and what a training step takes back, all included.
 */
export const measure = async (bench, report) => {
  const [rows, width, inner] = bench.quick ? [128, 32, 64] : [4096, 256, 1024];
  const common = { width, inner, activation: 'gelu', biases: false, residualDeviation: 0.02 };
  const mixture = (experts) => new MixtureOfExperts({ ...common, experts, perToken: 1, gateLayers: 1 });
  const layers = { dense: new FeedForward(common), [few]: mixture(few), [many]: mixture(many) };
  for (const direction of ['forward', 'forward and backward']) {
    const runners = Object.entries(layers).map(([name, layer]) => layerRunner(name, layer, [rows, width], direction));
    const results = await bench.race(runners);
    for (const { free } of runners) free();
    const secondsOf = (name) => results.get(String(name)).seconds;
    const of = `${direction}, ${rows} rows, ${width} x ${inner}, one expert a row`;
    const add = (metric, unit, nonet) => report.add({ of, metric, unit, nonet, better: 'less' });
    for (const name of Object.keys(layers)) {
      const what = name === 'dense' ? 'dense' : `${name} experts`;
      add(`time, ${what}`, 'ms', secondsOf(name) * 1e3);
    }
    add(`time of ${many} over ${few} experts`, '1', secondsOf(many) / secondsOf(few));
    add(`time of ${many} experts over dense`, '1', secondsOf(many) / secondsOf('dense'));
  }
};

const layerRunner = (name, layer, shape, direction) => {
  const run = (parameters, x) => bind(layer, parameters, () => layer.forward(x));
  // The result is wanted as well: without it a dense layer would leave its last product out.
  const loss = (of, against) => {
    const result = run(of.parameters, of.x);
    return [sum(mul(result, against)), result];
  };
  const arrays = () =>
    nest(parametersOf(layer).map(({ path, parameter }) => [path, scaled(noise(parameter.shape), 0.05)]));
  const tree = {
    parameters: arrays(),
    x: noise(shape),
    y: noise(shape),
    result: noise(shape),
    gradients: { parameters: arrays(), x: noise(shape) },
  };
  const program =
    direction === 'forward'
      ? compile(({ parameters, x }) => ({ state: { y: run(parameters, x) } }), { donate: 'state' })
      : compile(
          ({ parameters, x, y }) => {
            const [[, result], gradients] = valueAndGrad((of) => loss(of, y), { auxiliary: true })({ parameters, x });
            return { state: { gradients, result } };
          },
          { donate: 'state' },
        );
  return { ...stateRunner(defaultExecutor(), program, tree), name };
};

const scaled = (array, factor) => {
  array.data.forEach((value, i) => {
    array.data[i] = value * factor;
  });
  return array;
};
