import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compile, type Result } from '../../compile/compile.js';
import { HostArray, hostArray, scalar } from '../../compile/host-array.js';
import { ReferenceExecutor } from '../../compile/reference/executor.js';
import { nest } from '../../compile/trace.js';
import { bind, parametersOf } from '../../nn/index.js';
import { f32 } from '../../nn/test-support.js';
import {
  clipByWeightNorm,
  type OptimizerState,
  optimizerOf,
  optimizerStateTypes,
  parameterRules,
  updateParameters,
} from '../../optim/index.js';
import { type Tensor, type Tree, treeLeaves, treeMap } from '../../tensor/index.js';
import { withSquaredGradients } from '../../transform/index.js';
import { Olmax } from './model.js';

/*
 * Values of bench/peers/olmax_golden.py: written with JAX in float64 from the formulas, not from this code. Weights are float32
 * here, which is all that keeps the two apart.
 */

interface GoldenArray {
  readonly shape: readonly number[];
  readonly data: string;
}
type Named = Readonly<Record<string, GoldenArray>>;
interface Golden {
  readonly config: Readonly<Record<string, number>>;
  readonly parameters: Named;
  readonly batches: GoldenArray;
  readonly first: {
    readonly loss: number;
    readonly accuracy: number;
    readonly at: readonly (readonly [row: number, position: number])[];
    readonly logits: GoldenArray;
    readonly gradients: Named;
    readonly squares: Named;
  };
  readonly after: Readonly<Record<'perTap' | 'mean', Named>>;
}

const golden = JSON.parse(readFileSync(new URL('golden.json', import.meta.url), 'utf8')) as {
  models: Golden[];
  optimizer: { weightDecay: number; clipRatio: number; betas: [number, number, number]; rates: number[] };
};

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

/** Numbers of one device in our order: convolutions there are [out, taps, in]. */
const numbersOf = (array: GoldenArray, device: number): number[] => {
  const all = array.data.split(' ').map(Number);
  const [, ...shape] = array.shape as [number, ...number[]];
  const size = shape.reduce((a, b) => a * b, 1);
  const own = all.slice(device * size, (device + 1) * size);
  if (shape.length !== 3) return own;
  const [outputs, taps, inputs] = shape as [number, number, number];
  return Array.from({ length: size }, (_, i) => {
    const [tap, input, output] = [Math.floor(i / (inputs * outputs)), Math.floor(i / outputs) % inputs, i % outputs];
    return own[(output * taps + tap) * inputs + input]!;
  });
};

const isArray = (value: unknown): value is HostArray => value instanceof HostArray;

/** The largest difference of a tree and golden values, over the largest of those of the same tensor. */
const errorOf = (tree: Tree<HostArray>, expected: Named): number => {
  const errors = treeLeaves<HostArray>(tree, isArray).flatMap(({ path, value }) => {
    const { name, device } = nameOf(path);
    const array = expected[name];
    if (!array) return [];
    const wanted = numbersOf(array, device);
    expect(wanted).toHaveLength(value.data.length);
    const size = Math.max(...wanted.map(Math.abs));
    return [Math.max(...wanted.map((x, i) => Math.abs(x - Number(value.data[i])))) / size];
  });
  expect(errors.length).toBeGreaterThan(0);
  return Math.max(...errors);
};

const executor = new ReferenceExecutor();

describe.each(golden.models)('golden values for $config.devices devices', ({ config, ...values }) => {
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
    nest(
      parametersOf(model).map(({ path, parameter }) => {
        const { name, device } = nameOf(path);
        return [path, f32(numbersOf(values.parameters[name]!, device), parameter.shape)] as const;
      }),
    );
  const [, rows, length] = values.batches.shape as [number, number, number];
  const bytes = values.batches.data.split(' ').map(Number);
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
        return { loss, accuracy, gradients, squares, logits: bind(model, p, () => model.logits(inputs)) };
      },
      { executor },
    );
    const inputs = batchOf(0).data;
    const context = Int32Array.from({ length: rows * (length - 1) }, (_, i) =>
      Number(inputs[Math.floor(i / (length - 1)) * length + (i % (length - 1))]),
    );
    const told: Result = await first(parametersFor(model), batchOf(0), hostArray(context, [rows, length - 1]));
    expect(told.loss.item()).toBeCloseTo(values.first.loss, 6);
    expect(told.accuracy.item()).toBeCloseTo(values.first.accuracy, 6);
    const wanted = values.first.logits.data.split(' ').map(Number);
    values.first.at.forEach(([row, position], n) => {
      const start = (row * (length - 1) + position) * 256;
      const errors = Array.from({ length: 256 }, (_, i) =>
        Math.abs(Number(told.logits.data[start + i]) - wanted[n * 256 + i]!),
      );
      expect(Math.max(...errors)).toBeLessThan(5e-5);
    });
    expect(errorOf(told.gradients, values.first.gradients)).toBeLessThan(1e-4);
    expect(errorOf(told.squares, values.first.squares)).toBeLessThan(1e-4);
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
        return updateParameters(optimizer, trees, { learningRate, step: number });
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
      const next: Result = await step(parameters, state, batchOf(i), scalar(rate), scalar(i + 1, 'i32'));
      parameters = next.parameters;
      state = next.state;
    }
    expect(errorOf(parameters, values.after[factors])).toBeLessThan(1e-4);
  });
});
