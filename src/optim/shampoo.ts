import {
  add,
  cast,
  div,
  equal,
  floor,
  less,
  logicalNot,
  logicalOr,
  matmul,
  maximum,
  mul,
  multiplyAdd,
  neg,
  reshape,
  type Shape,
  scope,
  sqrt,
  square,
  sub,
  type Tensor,
  type TensorType,
  unless,
} from '../tensor/index.js';
import { alongAxis, blocksOf, joinBlocks, takeBlock, unfolded } from './blocks.js';
import { inverseRoots } from './inverse-root.js';
import { norm } from './matrices.js';
import { biasCorrection, type Optimizer } from './optimizer.js';
import { decay, rateOf, type TensorRules } from './parameter-rules.js';

export interface ShampooSettings {
  /** Shares of the old means that stay: of steps, and of squares and statistics. 0.9 and 0.999 unless told. */
  readonly betas?: readonly [first: number, second: number];
  /** Added to the root of the second moment, 1e-8 unless told. */
  readonly epsilon?: number;
  /** Decay per unit of learning rate, 0.01 unless told. */
  readonly weightDecay?: number;
  /** Larger matrices are cut into blocks of this size, each on its own; 512 unless told. */
  readonly blockSize?: number;
  /** Tensors with an axis longer than this are left to Adam's second moment alone; 1024 unless told. */
  readonly skipAbove?: number;
  /** Steps from one update of the statistics to the next, 4 unless told. */
  readonly statisticsEvery?: number;
  /** Steps from one computation of the preconditioners to the next, 128 unless told. */
  readonly rootsEvery?: number;
  /** First step with preconditioners, counted from 0; 16 unless told. */
  readonly startStep?: number;
}

/**
 * Shampoo (Gupta et al. 2018, Anil et al. 2020), in blocks, with the step length of Adam. With gradient g, update number t and
 * learning rate lr of the parameter p, whose k axes (those longer than 1) are at most `skipAbove` long, for each block and axis:
 *
 *     S_i = beta2 S_i + (1 - beta2) g_i g_i^T        in every `statisticsEvery`th step; g_i is g with axis i first
 *     P_i = (S_i + 1e-6 |S_i| I)^(-1 / 2k)           in every `rootsEvery`th step and the first with preconditioners
 *     s = g times P_i along each axis i
 *
 * and with v = beta2 v + (1 - beta2) g^2 the step, before `startStep` and for all other tensors that of Adam alone, is
 *
 *     a = g / (sqrt(v / (1 - beta2^t)) + epsilon)    d = s |a| / |s|
 *     m = beta1 m + (1 - beta1) d                    p = p (1 - lr decay) - lr m / (1 - beta1^t)
 *
 * Steps are counted from 0 for the intervals. It keeps `first`, m, `second`, v, and for block b and axis i `statistics<b>x<i>`
 * and `root<b>x<i>`. What an interval leaves out is not computed.
 */
export const shampoo = (settings: ShampooSettings = {}, rules: TensorRules = {}): Optimizer => {
  const { betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0.01 } = settings;
  const { blockSize = 512, skipAbove = 1024, statisticsEvery = 4, rootsEvery = 128, startStep = 16 } = settings;
  const [beta1, beta2] = betas;
  const preconditioned = (shape: Shape): PreconditionedAxis[] =>
    axesOf(shape).length < 2 || shape.some((size) => size > skipAbove) ? [] : preconditionedAxes(shape, blockSize);

  return {
    keeps: (_, type): Record<string, TensorType> => {
      const matrices = preconditioned(type.shape).flatMap(({ name, size }) =>
        ['statistics', 'root'].map((kind) => [kind + name, { shape: [size, size], dtype: type.dtype }] as const),
      );
      return { first: type, second: type, ...Object.fromEntries(matrices) };
    },
    update: (tensors, { learningRate, step }) => {
      const correction1 = biasCorrection(beta1, step);
      const correction2 = biasCorrection(beta2, step);
      const done = sub(cast(reshape(step, []), 'f64'), 1);
      const isNth = (every: number): Tensor => equal(mul(floor(div(done, every)), every), done);
      const isEarly = less(done, startStep);
      const noStatistics = logicalNot(isNth(statisticsEvery));
      const noRoots = logicalOr(isEarly, logicalNot(logicalOr(isNth(rootsEvery), equal(done, startStep))));

      return tensors.map(({ path, parameter, gradient, kept }) =>
        scope(`optimizer.${path}`, () => {
          const second = multiplyAdd(square(gradient), 1 - beta2, mul(kept.second!, beta2));
          const adam = div(gradient, add(sqrt(div(second, correction2)), epsilon));
          const axes = preconditioned(gradient.shape);
          const blocks = blocksOf(gradient.shape, blockSize);
          const old = (kind: string) => axes.map(({ name }) => kept[kind + name]!);
          const statistics = skippable(noStatistics, old('statistics'), () =>
            axes.map(({ block, axis }, i) => {
              const rows = unfolded(takeBlock(gradient, blocks[block]!), axis);
              const product = matmul(rows, rows, { transposeB: true });
              return multiplyAdd(product, 1 - beta2, mul(old('statistics')[i]!, beta2));
            }),
          );
          const order = axesOf(gradient.shape).length;
          const roots = skippable(noRoots, old('root'), () => inverseRoots(statistics, 2 * order));
          const [direction] = skippable(isEarly, axes.length > 0 ? [adam] : [], () => {
            const parts = blocks.map((block, b) =>
              axes.reduce(
                (part, own, i) => (own.block === b ? alongAxis(roots[i]!, part, own.axis) : part),
                takeBlock(gradient, block),
              ),
            );
            const shaped = joinBlocks(parts, gradient.shape, blockSize);
            return [mul(shaped, div(norm(adam), maximum(norm(shaped), 1e-30)))];
          });

          const first = multiplyAdd(direction ?? adam, 1 - beta1, mul(kept.first!, beta1));
          const rate = rateOf(path, learningRate, rules);
          const decayed = decay(path, parameter, { rate, weightDecay, rules });
          const named = (kind: string, values: readonly Tensor[]) =>
            axes.map(({ name }, i) => [kind + name, values[i]!] as const);
          return {
            path,
            parameter: multiplyAdd(first, neg(div(rate, correction1)), decayed),
            kept: {
              first,
              second,
              ...Object.fromEntries([...named('statistics', statistics), ...named('root', roots)]),
            },
          };
        }),
      );
    },
  };
};

interface PreconditionedAxis {
  /** `<block>x<axis>` */
  readonly name: string;
  readonly block: number;
  readonly axis: number;
  readonly size: number;
}

const preconditionedAxes = (shape: Shape, blockSize: number): PreconditionedAxis[] =>
  blocksOf(shape, blockSize).flatMap((block, b) =>
    axesOf(shape).map((axis) => ({ name: `${b}x${axis}`, block: b, axis, size: block.shape[axis]! })),
  );

/** Axes longer than 1. */
const axesOf = (shape: Shape): number[] => shape.flatMap((size, axis) => (size > 1 ? [axis] : []));

const skippable = (condition: Tensor, skipped: readonly Tensor[], body: () => readonly Tensor[]): Tensor[] =>
  skipped.length === 0 ? [] : unless(condition, skipped, body);
