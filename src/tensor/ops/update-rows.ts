import type { Tensor } from '../graph.js';
import { sameShape, type TensorType } from '../types.js';
import { checkDType, type NoAttributes, primitive, reference, single, streamingCost, type Three } from './define.js';
import { foldInto, unfold } from './mapped.js';

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
 * 0 .. T - 1 are skipped. It has no gradient.
 */
export const updateRows = (cache: Tensor, rows: Tensor, position: Tensor): Tensor =>
  single(updateRowsOp, [cache, rows, position], {});
