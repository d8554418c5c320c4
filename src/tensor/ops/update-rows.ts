import type { Tensor } from '../graph.js';
import { sameShape, type TensorType } from '../types.js';
import { add } from './arithmetic.js';
import { bitAnd } from './bitwise.js';
import { less, lessEqual } from './compare.js';
import {
  checkDType,
  gradientRule,
  type NoAttributes,
  primitive,
  reference,
  single,
  streamingCost,
  type Three,
} from './define.js';
import { maximum, minimum } from './extremum.js';
import { gather } from './gather.js';
import { constant, constantArray, iota } from './leaves.js';
import { foldInto, unfold } from './mapped.js';
import { expandDims, reshape } from './reshape.js';
import { select } from './select.js';

export const updateRowsOp = primitive<NoAttributes>({
  name: 'updateRows',
  summary: 'A cache [B, T, W] with rows [B, n, W] written at position [B]; rows that fall outside are skipped.',
  operands: ['cache', 'rows', 'position'],
  kind: 'kernel',
  infer: (inputs, _, fail) => {
    const [cache, rows, position] = inputs as Three<TensorType>;
    checkDType(position, ['i32'], 'the position', fail);
    if (rows.dtype !== cache.dtype) fail('cache and rows must have the same dtype; cast() the rows');
    const [batch, , width] = cache.shape;
    const fits = cache.shape.length === 3 && rows.shape.length === 3 && rows.shape[0] === batch;
    if (!fits || rows.shape[2] !== width || !sameShape(position.shape, [batch!])) {
      fail('expected cache [B, T, W], rows [B, n, W] and position [B]');
    }
    return [{ shape: cache.shape, dtype: cache.dtype }];
  },
  gradient: gradientRule((dy, node) => {
    const [, rows, position] = node.inputs as Three<Tensor>;
    return [updateRows(dy, constant(0, rows.shape, rows.dtype), position), rowsAt(dy, rows.shape[1]!, position), null];
  }),
  evaluate: ([cache, rows, position], _, [output]) => {
    const [batch, length, width] = cache!.shape as Three<number>;
    const count = rows!.shape[1]!;
    const data = cache!.data.slice();
    for (let b = 0; b < batch; b++) {
      for (let i = 0; i < count; i++) {
        const row = position!.data[b]! + i;
        if (row < 0 || row >= length) continue;
        const from = (b * count + i) * width;
        data.set(rows!.data.subarray(from, from + width), (b * length + row) * width);
      }
    }
    return [reference(output!, data)];
  },
  batch: (inputs, _, examples) => {
    const [cache, rows, position] = inputs.map((input) => foldInto(input, 0, examples)) as [Tensor, Tensor, Tensor];
    return [unfold(updateRows(cache, rows, position), 0, examples)];
  },
  // In place only the rows move.
  cost: ([, rows]) => streamingCost([rows!], [rows!]),
});

/**
 * `cache` [B, T, W] with `rows` [B, n, W] in place of its rows from `position` (i32 [B]) on; rows that fall outside of
 * 0 .. T - 1 are skipped.
 */
export const updateRows = (cache: Tensor, rows: Tensor, position: Tensor): Tensor =>
  single(updateRowsOp, [cache, rows, position], {});

/** The `count` rows of a cache [B, T, W] from `position` (i32 [B]) on, [B, count, W]; zeros for those outside of it. */
const rowsAt = (cache: Tensor, count: number, position: Tensor): Tensor => {
  const [batch, length, width] = cache.shape as Three<number>;
  const row = add(expandDims(position, -1), reshape(iota(count), [1, count])); // [B, count]
  const isInside = bitAnd(lessEqual(0, row), less(row, length));
  const starts = constantArray(
    Float64Array.from({ length: batch }, (_, b) => b * length),
    [batch, 1],
    'i32',
  );
  const index = add(starts, minimum(maximum(row, 0), length - 1));
  const found = gather(reshape(cache, [batch * length, width]), index);
  return select(expandDims(isInside, -1), found, 0);
};
