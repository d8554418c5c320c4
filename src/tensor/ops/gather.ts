import { NonetError } from '../../core/errors.js';
import type { Tensor } from '../graph.js';
import type { Examples, Mapped } from '../op.js';
import { elementCount, type ReferenceArray, sameShape, type TensorType } from '../types.js';
import { add } from './arithmetic.js';
import { bitAnd } from './bitwise.js';
import { less, lessEqual } from './compare.js';
import {
  checkDType,
  floats,
  gradientRule,
  type NoAttributes,
  type Primitive,
  primitive,
  referenceZeros,
  single,
  streamingCost,
  type Two,
} from './define.js';
import { exampleShape } from './example-axes.js';
import { constantArray } from './leaves.js';
import { atAxis, foldInto, unfold } from './mapped.js';
import { liesApart, unrolled } from './one-example.js';
import { select } from './select.js';

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

export const gatherOp: Primitive<NoAttributes> = primitive<NoAttributes>({
  name: 'gather',
  summary: 'Rows of a table: table [V, D] at index [...] gives [..., D].',
  operands: ['table', 'index'],
  kind: 'move',
  linearIn: 0,
  examplesOf: ({ inputs: [, index] }) => index!.shape[0] ?? 1,
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
  batch: (inputs, attributes, examples) => {
    const [table, index] = inputs;
    if (liesApart(table!)) return unrolled(gatherOp, inputs, attributes, examples);
    if (table!.axis === null) return [{ tensor: gather(table!.tensor, index!.tensor), axis: index!.axis }];
    const [rows] = exampleShape(table!) as Two<number>;
    if (index!.axis === null && table!.axis > 0) {
      // The same rows of all: wider ones.
      const inner = table!.axis === 2;
      const wide = gather(foldInto(table!, 1, examples, inner), index!.tensor);
      return [unfold(wide, index!.tensor.shape.length, examples, inner)];
    }
    const long = foldInto(table!, 0, examples); // [examples * rows, columns]
    return [{ tensor: gather(long, indexOfExamples(index!, rows, examples)), axis: 0 }];
  },
  // Only the rows that are read move.
  cost: ([, index], outputs) => streamingCost([index!, outputs[0]!], outputs),
});

/** Rows of `table` [V, D] at `index` (i32 [...]): [..., D]. An index outside of the table ends the run with `E_PROGRAM`. */
export const gather = (table: Tensor, index: Tensor): Tensor => single(gatherOp, [table, index], {});

/**
 * Rows of the tables of all examples, one below the other: [examples, ...]. An index outside of its own table stays one
 * outside of them all, so that it does not pass for a row of another example.
 */
const indexOfExamples = (index: Mapped, rows: number, examples: Examples): Tensor => {
  const own = atAxis(index, 0, examples);
  const starts = constantArray(
    Float64Array.from({ length: examples.size }, (_, i) => i * rows),
    [examples.size, ...own.shape.slice(1).map(() => 1)],
    'i32',
  );
  const within = bitAnd(lessEqual(0, own), less(own, rows));
  return select(within, add(own, starts), -1);
};

type ScatterAttributes = { readonly rows: number };

export const scatterAddOp = primitive<ScatterAttributes>({
  name: 'scatterAdd',
  summary: 'Sums rows into a table of zeros: updates [..., D] at index [...] give [V, D], added in order of position.',
  operands: ['index', 'updates'],
  attributeNames: ['rows'],
  kind: 'kernel',
  linearIn: 1,
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
  batch: ([index, updates], { rows }, examples) => {
    if (index!.axis === null) {
      // The same rows of all: wider ones.
      const last = updates!.tensor.shape.length - 2;
      const inner = updates!.axis === last + 1;
      return [unfold(scatterAdd(index!.tensor, foldInto(updates!, last, examples, inner), rows), 1, examples, inner)];
    }
    const where = indexOfExamples(index!, rows, examples);
    return [unfold(scatterAdd(where, atAxis(updates!, 0, examples), rows * examples.size), 0, examples)];
  },
  cost: (inputs, outputs) => streamingCost(inputs, outputs, elementCount(inputs[1]!.shape)),
});

/** Adds the rows of `updates` [..., D] to the rows of a zero table [rows, D] that `index` (i32 [...]) names. */
export const scatterAdd = (index: Tensor, updates: Tensor, rows: number): Tensor =>
  single(scatterAddOp, [index, updates], { rows });
