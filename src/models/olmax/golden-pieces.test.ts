import { describe, expect, it } from 'vitest';
import type { HostArray } from '../../compile/host-array.js';
import {
  AxialMixer,
  bind,
  CausalConvolution,
  Embedding,
  type Module,
  RootSumNorm,
  slicedCrossEntropy,
} from '../../nn/index.js';
import { run } from '../../nn/test-support.js';
import {
  clipByWeightNorm,
  learningRateAt,
  type OptimizerState,
  optimizerStateTypes,
  tgAdam,
  updateParameters,
} from '../../optim/index.js';
import {
  constant,
  mul,
  sum,
  type Tensor,
  type TensorType,
  type Tree,
  treeLeaves,
  treeMap,
} from '../../tensor/index.js';
import { grad, withSquaredGradients } from '../../transform/index.js';
import { arrayOf, errorOf, type GoldenArrays, readGolden, tapsFirst, treeOf, wideTree } from './golden-test-support.js';

const { pieces, optimizer } = readGolden();
/** The values have ten digits. */
const tolerance = 1e-9;

const isArray = (value: unknown): value is HostArray => typeof value === 'object' && value !== null && 'data' in value;
const isType = (value: unknown): value is TensorType => typeof value === 'object' && value !== null && 'dtype' in value;

/** The worst error among the arrays of a tree. */
const worstError = (got: Tree<HostArray>, wanted: GoldenArrays): number => {
  const leaves = treeLeaves<HostArray>(got, isArray);
  expect(leaves.map(({ path }) => path).sort()).toEqual(Object.keys(wanted).sort());
  return Math.max(...leaves.map(({ path, value }) => errorOf(value, wanted[path]!)));
};

type Layer = Module & { forward: (x: Tensor) => Tensor };
const [, length, width] = pieces.mixer0.x.shape as [number, number, number];
const kernel = pieces.mixer0.parameters.first!.shape[0]!;
const mixer = (axis: number) => new AxialMixer({ width, length, kernel, axis });
const [outputs, taps, inputs] = pieces.convolution.parameters.weight!.shape as [number, number, number];

/** Each piece as a layer; how ours calls its parameters, and has them, where it is not as there. */
const layers: [
  Exclude<keyof typeof pieces, 'crossEntropy' | 'optimizer'>,
  Layer,
  (arrays: GoldenArrays) => GoldenArrays,
][] = [
  ['norm', new RootSumNorm(width) as unknown as Layer, (arrays) => arrays],
  ['normAct', new RootSumNorm(width, { slope: 0.01 }) as unknown as Layer, (arrays) => arrays],
  [
    'convolution',
    new CausalConvolution({ inputs, outputs, taps }) as unknown as Layer,
    ({ weight }) => ({ weight: tapsFirst(weight!) }),
  ],
  ['mixer0', mixer(0) as unknown as Layer, ({ norm, ...rest }) => ({ ...rest, 'norm.weight': norm! })],
  ['mixer1', mixer(1) as unknown as Layer, ({ norm, ...rest }) => ({ ...rest, 'norm.weight': norm! })],
  ['embedding', new Embedding({ count: 5, width: 3 }) as unknown as Layer, (arrays) => arrays],
];

describe('the pieces of olmax equal golden values', () => {
  it.each(layers)('%s: output, gradients, squared gradients', async (name, layer, ours) => {
    const { x, y, dx, dy, parameters, gradients, squares } = pieces[name];
    const isIndex = dx === undefined;
    const got = await run(
      (p: Tree<Tensor>, input: Tensor, cotangent: Tensor) => {
        const forward = (q: Tree<Tensor>, z: Tensor) => bind(layer, q, () => layer.forward(z));
        const loss = (q: Tree<Tensor>, z: Tensor) => sum(mul(forward(q, z), cotangent));
        // Apart, since in what is differentiated by everything is a parameter to the squares.
        const [, own, ownSquares] = withSquaredGradients(loss)(p, input);
        const ofInput = isIndex ? input : grad((z: Tensor) => loss(p, z))(input);
        return wideTree({ y: forward(p, input), own, ownSquares, dx: ofInput });
      },
      treeOf(ours(parameters)),
      arrayOf(x, isIndex ? 'i32' : 'f32'),
      arrayOf(dy),
    );
    expect(errorOf(got.y, y)).toBeLessThan(tolerance);
    expect(worstError(got.own, ours(gradients))).toBeLessThan(tolerance);
    expect(worstError(got.ownSquares, ours(squares))).toBeLessThan(tolerance);
    if (dx) expect(errorOf(got.dx, dx)).toBeLessThan(tolerance);
  });

  it.each([1, 3])('the loss, its gradient with the z term, and the accuracy, in %i slices', async (slices) => {
    const { x, parameters, targets, loss, accuracy, dx, gradients, squares } = pieces.crossEntropy;
    const got = await run(
      (q: { x: Tensor; w: Tensor }, t: Tensor) => {
        const cost = (z: typeof q) => slicedCrossEntropy(z.x, z.w, t, { zLoss: 0.01, slices });
        const [value, own, ownSquares] = withSquaredGradients((z: typeof q) => cost(z).loss)(q);
        return wideTree({ value, accuracy: cost(q).accuracy, own, ownSquares });
      },
      { x: arrayOf(x), w: arrayOf(parameters.weight!) },
      arrayOf(targets, 'i32'),
    );
    expect(got.value.item()).toBeCloseTo(loss, 9);
    expect(got.accuracy.item()).toBeCloseTo(accuracy, 9);
    expect(errorOf(got.own.x, dx)).toBeLessThan(tolerance);
    expect(errorOf(got.own.w, gradients.weight!)).toBeLessThan(tolerance);
    expect(errorOf(got.ownSquares.w, squares.weight!)).toBeLessThan(tolerance);
  });

  it('the learning rates', () => {
    const { learningRate, warmupSteps, rateDecay, rates } = optimizer;
    const schedule = { kind: 'exponential', learningRate, warmupSteps, rateDecay } as const;
    rates.forEach((rate, step) => {
      expect(learningRateAt(schedule, step, 100) / rate).toBeCloseTo(1, 9);
    });
  });

  it('three steps of the optimizer with clipping, one tensor clipped and one not', async () => {
    const { clipRatio, parameters, gradients, squares, after } = pieces.optimizer;
    const { betas, weightDecay, rates } = optimizer;
    const tg = tgAdam({ betas, weightDecay });
    const types = optimizerStateTypes(
      tg,
      treeMap<HostArray, TensorType>(treeOf(parameters), isArray, ({ shape, dtype }) => ({ shape, dtype })),
    );
    const got = await run(
      (start: Tree<Tensor>, all: readonly { gradients: Tree<Tensor>; squares: Tree<Tensor> }[]) => {
        let now = {
          parameters: start,
          state: treeMap<TensorType, Tensor>(types, isType, ({ shape }) =>
            constant(0, shape),
          ) as OptimizerState<Tensor>,
        };
        all.forEach((given, at) => {
          const clipped = clipByWeightNorm(given, now.parameters, clipRatio);
          now = updateParameters(
            tg,
            { ...now, gradients: clipped.tree, squares: clipped.squares! },
            { learningRate: constant(rates[at]!), step: constant(at + 1, [], 'i32') },
          );
        });
        return wideTree(now.parameters);
      },
      treeOf(parameters),
      gradients.map((own, at) => ({ gradients: treeOf(own), squares: treeOf(squares[at]!) })) as never,
    );
    expect(worstError(got, after)).toBeLessThan(tolerance);
  });
});
