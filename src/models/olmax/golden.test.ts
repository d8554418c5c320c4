import { describe, expect, it } from 'vitest';
import { compile, type Result } from '../../compile/compile.js';
import { HostArray, hostArray, scalar } from '../../compile/host-array.js';
import { ReferenceExecutor } from '../../compile/reference/executor.js';
import { nest } from '../../compile/trace.js';
import { bind, parametersOf } from '../../nn/index.js';
import {
  clipByWeightNorm,
  type OptimizerState,
  optimizerOf,
  optimizerStateTypes,
  parameterRules,
  updateParameters,
} from '../../optim/index.js';
import { type Shape, type Tensor, type Tree, treeLeaves, treeMap } from '../../tensor/index.js';
import { withSquaredGradients } from '../../transform/index.js';
import {
  arrayOf,
  errorOf,
  type GoldenArray,
  type GoldenArrays,
  numbersOf,
  ofDevice,
  readGolden,
  tapsFirst,
  wideTree,
} from './golden-test-support.js';
import { Olmax } from './model.js';

/*
 * Values of bench/peers/olmax_golden.py: written with JAX in float64 from the formulas, not from this code. They have ten digits.
 */

const golden = readGolden();

/** Their name of one of our parameters, and which device it is of. */
const nameOf = (path: string): { readonly name: string; readonly device: number } => {
  const parts = path.split('.');
  const device = Number(parts.find((part, i) => /^\d+$/.test(part) && parts[i - 1] !== 'blocks'));
  const [root, block, step, ...rest] = parts;
  if (root === 'projection') return { name: 'output', device };
  if (root !== 'blocks') return { name: root!, device };
  const steps: Record<string, string> = {
    dense: 'dense0',
    bottleneck: 'bottleneck',
    secondDense: 'dense1',
    mixing: 'mixer',
  };
  const inStep = rest.filter((part) => !/^(\d+|weight|body|mixer)$/.test(part)).join('.');
  const names: Record<string, string> =
    step === 'mixing'
      ? {}
      : step === 'bottleneck'
        ? { first: 'conv0', norm: 'norm0', middleNorm: 'norm1', last: 'conv1' }
        : { first: 'conv0', second: 'conv1' };
  return { name: `blocks.${block}.${steps[step!]}.${names[inStep] ?? inStep}`, device };
};

/** What they have for one of our parameters, as we have it; some are left out. */
const oursOf = (arrays: GoldenArrays, path: string): GoldenArray | undefined => {
  const { name, device } = nameOf(path);
  const own = arrays[name] && ofDevice(arrays[name], device);
  return own?.shape.length === 3 ? tapsFirst(own) : own;
};

const isArray = (value: unknown): value is HostArray => value instanceof HostArray;

/** The largest difference of a tree and golden values, over the largest of those of the same tensor. */
const worstError = (tree: Tree<HostArray>, expected: GoldenArrays): number => {
  const errors = treeLeaves<HostArray>(tree, isArray).flatMap(({ path, value }) => {
    const wanted = oursOf(expected, path);
    return wanted ? [errorOf(value, wanted)] : [];
  });
  expect(errors).toHaveLength(Object.values(expected).reduce((total, { shape }) => total + shape[0]!, 0));
  return Math.max(...errors);
};

const executor = new ReferenceExecutor();

/** Of dtype f32 as parameters are, with what is not rounded; see `arrayOf`. */
const asFloat32 = (numbers: ArrayLike<number>, shape: Shape): HostArray =>
  new HostArray(Float64Array.from(numbers), shape, 'f32');

describe.each(golden.models)('golden values of the model on $config.devices devices', ({ config, ...values }) => {
  const modelOf = (learningRateFactors: 'perTap' | 'mean'): Olmax => {
    const { vocab: _v, sequence, batch: _b, slope, ...sizes } = config;
    return new Olmax({
      ...(sizes as object),
      family: 'olmax',
      contextLength: sequence,
      leakySlope: slope,
      learningRateFactors,
    });
  };
  const parametersFor = (model: Olmax): Tree<HostArray> =>
    nest(parametersOf(model).map(({ path }) => [path, arrayOf(oursOf(values.parameters, path)!)] as const));
  const [, rows, length] = values.batches.shape as [number, number, number];
  const bytes = numbersOf(values.batches);
  const batchOf = (step: number): HostArray =>
    hostArray(Int32Array.from(bytes.slice(step * rows * length, (step + 1) * rows * length)), [rows, length]);
  const squared = (model: Olmax, p: Tree<Tensor>, x: Tensor) =>
    withSquaredGradients(
      (q: Tree<Tensor>) => {
        const { loss, accuracy } = bind(model, q, () => model.byteLosses(x));
        return [loss, accuracy] as const;
      },
      { auxiliary: true },
    )(p);

  it('are those of the first step', async () => {
    const model = modelOf('perTap');
    const first = compile(
      (p: Tree<Tensor>, x: Tensor, inputs: Tensor) => {
        const [[loss, accuracy], gradients, squares] = squared(model, p, x);
        const logits = bind(model, p, () => model.logits(inputs));
        return wideTree({ loss, accuracy, gradients, squares, logits } as Tree<Tensor>);
      },
      { executor },
    );
    const inputs = batchOf(0).data;
    const context = Int32Array.from({ length: rows * (length - 1) }, (_, i) =>
      Number(inputs[Math.floor(i / (length - 1)) * length + (i % (length - 1))]),
    );
    const told: Result = await first(parametersFor(model), batchOf(0), hostArray(context, [rows, length - 1]));
    expect(told.loss.item()).toBeCloseTo(values.first.loss, 9);
    expect(told.accuracy.item()).toBeCloseTo(values.first.accuracy, 9);
    const wanted = numbersOf(values.first.logits);
    values.first.at.forEach(([row, position], n) => {
      const start = (row * (length - 1) + position) * 256;
      const errors = Array.from({ length: 256 }, (_, i) =>
        Math.abs(Number(told.logits.data[start + i]) - wanted[n * 256 + i]!),
      );
      expect(Math.max(...errors)).toBeLessThan(1e-8);
    });
    expect(worstError(told.gradients, values.first.gradients)).toBeLessThan(1e-9);
    expect(worstError(told.squares, values.first.squares)).toBeLessThan(1e-9);
  });

  it.each(['perTap', 'mean'] as const)('are those of the weights after three steps, %s', async (factors) => {
    const model = modelOf(factors);
    const { weightDecay, betas, clipRatio, rates } = golden.optimizer;
    const optimizer = optimizerOf({ kind: 'tgAdam', betas, weightDecay, storedAs: 'f64' }, parameterRules(model));
    const step = compile(
      (p: Tree<Tensor>, state: OptimizerState<Tensor>, x: Tensor, learningRate: Tensor, number: Tensor) => {
        const [, gradients, squares] = squared(model, p, x);
        const clipped = clipByWeightNorm({ gradients, squares }, p, clipRatio);
        const trees = { parameters: p, gradients: clipped.tree, squares: clipped.squares!, state };
        const next = updateParameters(optimizer, trees, { learningRate, step: number });
        return { parameters: wideTree(next.parameters), state: next.state };
      },
      { executor },
    );
    let parameters = parametersFor(model);
    const types = nest(parametersOf(model).map(({ path, parameter }) => [path, parameter] as const));
    let state = treeMap(
      optimizerStateTypes(optimizer, types) as Tree<{ shape: readonly number[] }>,
      (value): value is { shape: readonly number[] } => typeof value === 'object' && value !== null && 'shape' in value,
      ({ shape }) => new HostArray(new Float64Array(shape.reduce((a, b) => a * b, 1)), shape, 'f64'),
    );
    for (const [i, rate] of rates.entries()) {
      const next: Result = await step(parameters, state, batchOf(i), asFloat32([rate], []), scalar(i + 1, 'i32'));
      parameters = treeMap(next.parameters as Tree<HostArray>, isArray, ({ data, shape }) => asFloat32(data, shape));
      state = next.state;
    }
    expect(worstError(parameters, values.after[factors])).toBeLessThan(1e-9);
  });
});
