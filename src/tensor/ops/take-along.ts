import type { Tensor } from '../graph.js';
import type { Mapped } from '../op.js';
import { elementCount, type ReferenceArray, type Shape, sameShape, type TensorType } from '../types.js';
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
import { checkedIndex } from './gather.js';
import { atAxis, foldInto, unfold } from './mapped.js';

const sameLead = (a: Shape, b: Shape): boolean =>
  a.length > 0 && b.length > 0 && sameShape(a.slice(0, -1), b.slice(0, -1));

/** Where operands have their examples if that is before the last axis of each; else in front. */
const leadingPlace = (inputs: readonly Mapped[]): number =>
  inputs.find(({ tensor, axis }) => axis !== null && axis < tensor.shape.length - 1)?.axis ?? 0;

export const takeAlongOp = primitive<NoAttributes>({
  name: 'takeAlong',
  summary: 'Elements of each row: x [..., C] at index [..., P] gives [..., P].',
  operands: ['x', 'index'],
  kind: 'kernel',
  linearIn: 0,
  infer: (inputs, _, fail) => {
    const [x, index] = inputs as Two<TensorType>;
    checkDType(x, floats, 'x', fail);
    checkDType(index, ['i32'], 'the index', fail);
    if (!sameLead(x.shape, index.shape)) fail('x [..., C] and index [..., P] must have the same leading axes');
    return [{ shape: index.shape, dtype: x.dtype }];
  },
  gradient: gradientRule((dy, node) => {
    const [x, index] = node.inputs as Two<Tensor>;
    return [putAlong(index, dy, x.shape.at(-1)!), null];
  }),
  evaluate: (inputs, _, [output]) => {
    const [x, index] = inputs as Two<ReferenceArray>;
    const [columns, picks] = [x.shape.at(-1)!, index.shape.at(-1)!];
    const out = referenceZeros(output!);
    index.data.forEach((position, i) => {
      out.data[i] = x.data[Math.floor(i / picks) * columns + checkedIndex('takeAlong', position, columns)]!;
    });
    return [out];
  },
  batch: ([x, index], _, examples) => {
    if (x!.axis === null) {
      // More picks from the same rows.
      const last = index!.tensor.shape.length - 2;
      return [unfold(takeAlong(x!.tensor, foldInto(index!, last, examples)), last, examples)];
    }
    const axis = leadingPlace([x!, index!]);
    return [{ tensor: takeAlong(atAxis(x!, axis, examples), atAxis(index!, axis, examples)), axis }];
  },
  cost: ([, index], outputs) => streamingCost([index!, outputs[0]!], outputs),
});

/** Picks elements of every row: `x` [..., C] at `index` (i32 [..., P]) gives [..., P]. */
export const takeAlong = (x: Tensor, index: Tensor): Tensor => single(takeAlongOp, [x, index], {});

type PutAttributes = { readonly columns: number };

export const putAlongOp = primitive<PutAttributes>({
  name: 'putAlong',
  summary: 'Sums elements into rows of zeros: updates [..., P] at index [..., P] give [..., C], added in order.',
  operands: ['index', 'updates'],
  attributeNames: ['columns'],
  kind: 'kernel',
  linearIn: 1,
  infer: (inputs, { columns }, fail) => {
    const [index, updates] = inputs as Two<TensorType>;
    checkDType(index, ['i32'], 'the index', fail);
    checkDType(updates, floats, 'updates', fail);
    if (index.shape.length === 0 || !sameShape(index.shape, updates.shape)) {
      fail('index and updates must have the same shape [..., P]');
    }
    return [{ shape: [...index.shape.slice(0, -1), columns], dtype: updates.dtype }];
  },
  gradient: gradientRule<PutAttributes>((dy, { inputs: [index] }) => [null, takeAlong(dy, index!)]),
  evaluate: (inputs, { columns }, [output]) => {
    const [index, updates] = inputs as Two<ReferenceArray>;
    const picks = index.shape.at(-1)!;
    const out = referenceZeros(output!);
    index.data.forEach((position, i) => {
      const column = checkedIndex('putAlong', position, columns);
      out.data[Math.floor(i / picks) * columns + column]! += updates.data[i]!;
    });
    return [out];
  },
  batch: ([index, updates], { columns }, examples) => {
    const axis = leadingPlace([index!, updates!]);
    return [{ tensor: putAlong(atAxis(index!, axis, examples), atAxis(updates!, axis, examples), columns), axis }];
  },
  cost: (inputs, outputs) => streamingCost(inputs, outputs, elementCount(inputs[1]!.shape)),
});

/** Adds `updates` [..., P] to the elements of zero rows [..., columns] that `index` (i32 [..., P]) names. */
export const putAlong = (index: Tensor, updates: Tensor, columns: number): Tensor =>
  single(putAlongOp, [index, updates], { columns });
