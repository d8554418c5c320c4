import {
  add,
  cast,
  concat,
  constant,
  constantArray,
  elementCount,
  equal,
  gather,
  iota,
  less,
  matmul,
  maximum,
  minimum,
  reshape,
  scatterAdd,
  scope,
  select,
  slice,
  sub,
  sum,
  type Tensor,
  unless,
  withExtent,
} from '../../tensor/index.js';
import { afterBlock, type Halting, type Walk } from './halting.js';
import type { BitTransformer } from './model.js';
import { addBranches, type Residual } from './streams.js';

/*
 * A block over positions of which some have halted. All get their keys and values into the cache. For the rest the running
 * ones are brought together, so that each product ends behind the last of them; and where none is left, the program jumps
 * over it. What is left out would have been multiplied by nothing, so the results are the same.
 */

/**
 * What queries [B, n, dModel] see, as many numbers. Sequences of which no position runs (`isLive`, bool [B], is false) may
 * be passed over.
 */
export type Recall = (queries: Tensor, isLive: Tensor) => Tensor;

/**
 * Takes a walk through block `i`. `remember` is given what the attention of all positions works on, [B, n, dModel], keeps
 * their keys and values, and says what queries see then.
 */
export const skipHalted = (
  model: BitTransformer,
  i: number,
  { streams, halting }: Required<Omit<Walk, 'routed'>>,
  remember: (normalised: Tensor) => Recall,
): Walk =>
  scope(`blocks.${i}`, () => {
    const block = model.blocks[i]!;
    const { attention } = block;
    const from = streams.at(-1)!; // [B, n, dModel]
    const [normalised, recall] = scope('attention', () => {
      const x = block.normalised(from);
      return [x, remember(x)] as const;
    });
    const ones = cast(reshape(halting.running, from.shape.slice(0, 2)), 'f32'); // [B, n]
    const count = cast(sum(ones), 'i32');

    const body = (): Tensor[] => {
      const rows = runningRows(ones, count);
      const isLive = less(0, sum(ones, { axes: [1] })); // [B]
      const whole = (y: Tensor): Tensor => reshape(y, from.shape);
      const mask = (y: Tensor): Tensor => select(halting.running, whole(y), 0);
      const attend = (): Tensor =>
        scope('attention', () => {
          const queries = whole(rows.over(normalised, (x) => attention.queries(x)));
          return mask(rows.over(recall(queries, isLive), (x) => attention.mix(x)));
        });
      const feed = (y: Tensor): Tensor => mask(rows.over(y, (x) => block.feed(x)));
      const next = addBranches(streams, attend, feed);
      return changing(
        next,
        scope('halting', () => afterBlock(model, i, next, halting)),
      );
    };
    const values = unless(equal(count, 0), changing(streams, halting), body);
    const split = streams.length;
    const [running, total, depth, output] = values.slice(split) as [Tensor, Tensor, Tensor, Tensor];
    return {
      streams: values.slice(0, split) as unknown as Residual,
      // Remainders are for the loss alone.
      halting: { ...halting, running, total, depth, output },
    };
  });

const changing = (streams: Residual, { running, total, depth, output }: Halting): Tensor[] => [
  ...streams,
  ...[running, total, depth, output],
];

/** Runs a function over rows [R, width] on those of x [B, n, width] that run; what the others get is anything. */
interface Rows {
  over(x: Tensor, f: (rows: Tensor) => Tensor): Tensor;
}

/** `ones` [B, n] is 1 for running positions, of which there are `count`. */
const runningRows = (ones: Tensor, count: Tensor): Rows => {
  const total = elementCount(ones.shape);
  const flat = (x: Tensor): Tensor => reshape(x, [total, elementCount(x.shape) / total]);
  // A single row runs or is jumped over.
  if (total === 1) return { over: (x, f) => f(flat(x)) };
  const { order, rank } = orderOf(ones, count);
  return {
    over: (x, f) => {
      const picked = gather(flat(x), order);
      return gather(
        withExtent(count, () => f(picked)),
        rank,
      );
    },
  };
};

/**
 * The running rows before the others, each in their order: which row is at each place, and the place of each row, i32 [R].
 * The place of a row that does not run is the last one that does: behind it there is nothing to be read. Where none runs it is
 * one that exists all the same, since the reference executor computes what a block skips.
 */
const orderOf = (ones: Tensor, count: Tensor): { order: Tensor; rank: Tensor } => {
  const rows = elementCount(ones.shape);
  const flat = reshape(ones, [rows]);
  const upTo = cast(runningSums(flat), 'i32');
  const behind = sub(add(iota(rows), count), upTo);
  const place = select(less(0, flat), sub(upTo, 1), behind);
  const order = scatterAdd(place, reshape(iota(rows, 'f32'), [rows, 1]), rows);
  return { order: cast(reshape(order, [rows]), 'i32'), rank: maximum(minimum(place, sub(count, 1)), 0) };
};

const longestGroup = 128;

/**
 * Sums of x [n] up to each element, itself included: exact for whole numbers. In groups of a hundred or so, as products with
 * triangles of ones, and over the groups in the same way.
 */
const runningSums = (x: Tensor): Tensor => {
  const [count] = x.shape as readonly [number];
  const size = Math.min(count, longestGroup);
  const groups = Math.ceil(count / size);
  const filled = groups * size > count ? concat([x, constant(0, [groups * size - count])]) : x;
  const within = matmul(
    reshape(filled, [groups, size]),
    triangle(size, (from, to) => from <= to),
  );
  if (groups === 1) return reshape(within, [count]);
  const sums = reshape(slice(within, { start: size - 1 }), [groups]);
  const before = reshape(sub(runningSums(sums), sums), [groups, 1]);
  return slice(reshape(add(within, before), [groups * size]), { end: count });
};

/** f32 [n, n]: 1 where `isOne(row, column)`. */
const triangle = (n: number, isOne: (row: number, column: number) => boolean): Tensor =>
  constantArray(
    Float64Array.from({ length: n * n }, (_, i) => Number(isOne(Math.floor(i / n), i % n))),
    [n, n],
  );
