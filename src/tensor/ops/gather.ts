import { NonetError } from '../../core/errors.js';
import type { Tensor } from '../graph.js';
import { elementCount, type ReferenceArray, sameShape, type TensorType } from '../types.js';
import {
  checkDType,
  floats,
  gradientRule,
  type NoAttributes,
  primitive,
  referenceZeros,
  single,
  streamingCost,
  type Two,
} from './define.js';

/** An index read while evaluating. Throws `E_PROGRAM` outside of `0 .. bound - 1`, as the native kernels do. */
export const checkedIndex = (op: string, index: number, bound: number): number => {
  if (!(index >= 0 && index < bound)) {
    throw new NonetError('E_PROGRAM', `${op}: index ${index} lies outside of 0..${bound - 1}; check the input data`, {
      op,
      index,
      bound,
    });
  }
  return index;
};

export const gatherOp = primitive<NoAttributes>({
  name: 'gather',
  summary: 'Rows of a table: table [V, D] at index [...] gives [..., D].',
  operands: ['table', 'index'],
  kind: 'move',
  linearIn: 0,
  infer: (inputs, _, fail) => {
    const [table, index] = inputs as Two<TensorType>;
    if (table.shape.length !== 2) fail('the table must be [rows, columns]');
    checkDType(index, ['i32'], 'the index', fail);
    return [{ shape: [...index.shape, table.shape[1]!], dtype: table.dtype }];
  },
  gradient: gradientRule((dy, node) => {
    const [table, index] = node.inputs as Two<Tensor>;
    return [floats.includes(table.dtype) ? scatterAdd(index, dy, table.shape[0]!) : null, null];
  }),
  evaluate: (inputs, _, [output]) => {
    const [table, index] = inputs as Two<ReferenceArray>;
    const [count, width] = table.shape as Two<number>;
    const out = referenceZeros(output!);
    index.data.forEach((position, i) => {
      const row = checkedIndex('gather', position, count);
      out.data.set(table.data.subarray(row * width, (row + 1) * width), i * width);
    });
    return [out];
  },
  // Only the rows that are read move.
  cost: ([, index], outputs) => streamingCost([index!, outputs[0]!], outputs),
});

/** Rows of `table` [V, D] at `index` (i32 [...]): [..., D]. An index outside of the table ends the run with `E_PROGRAM`. */
export const gather = (table: Tensor, index: Tensor): Tensor => single(gatherOp, [table, index], {});

type ScatterAttributes = { readonly rows: number };

export const scatterAddOp = primitive<ScatterAttributes>({
  name: 'scatterAdd',
  summary: 'Sums rows into a table of zeros: updates [..., D] at index [...] give [V, D], added in order of position.',
  operands: ['index', 'updates'],
  attributeNames: ['rows'],
  kind: 'kernel',
  infer: (inputs, { rows }, fail) => {
    const [index, updates] = inputs as Two<TensorType>;
    checkDType(index, ['i32'], 'the index', fail);
    checkDType(updates, floats, 'updates', fail);
    if (updates.shape.length === 0 || !sameShape(index.shape, updates.shape.slice(0, -1))) {
      fail('updates must be [..., D] for an index [...]');
    }
    return [{ shape: [rows, updates.shape.at(-1)!], dtype: updates.dtype }];
  },
  gradient: gradientRule<ScatterAttributes>((dy, { inputs: [index] }) => [null, gather(dy, index!)]),
  evaluate: (inputs, { rows }, [output]) => {
    const [index, updates] = inputs as Two<ReferenceArray>;
    const width = output!.shape[1]!;
    const out = referenceZeros(output!);
    index.data.forEach((position, i) => {
      const row = checkedIndex('scatterAdd', position, rows);
      for (let c = 0; c < width; c++) out.data[row * width + c]! += updates.data[i * width + c]!;
    });
    return [out];
  },
  cost: (inputs, outputs) => streamingCost(inputs, outputs, elementCount(inputs[1]!.shape)),
});

/** Adds the rows of `updates` [..., D] to the rows of a zero table [rows, D] that `index` (i32 [...]) names. */
export const scatterAdd = (index: Tensor, updates: Tensor, rows: number): Tensor =>
  single(scatterAddOp, [index, updates], { rows });
