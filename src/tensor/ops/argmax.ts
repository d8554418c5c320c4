import type { Tensor } from '../graph.js';
import { elementCount } from '../types.js';
import {
  checkDType,
  type NoAttributes,
  noGradient,
  numbers,
  primitive,
  referenceZeros,
  single,
  streamingCost,
} from './define.js';
import { atAxis } from './mapped.js';

export const argmaxOp = primitive<NoAttributes>({
  name: 'argmax',
  summary: 'Index (i32) of the greatest element along the last axis, the first of equal ones.',
  operands: ['x'],
  kind: 'reduction',
  infer: ([x], _, fail) => {
    checkDType(x!, numbers, 'the operand', fail);
    if (!x!.shape.at(-1)) fail('needs a last axis with at least one element');
    return [{ shape: x!.shape.slice(0, -1), dtype: 'i32' }];
  },
  gradient: noGradient,
  evaluate: ([x], _, [output]) => {
    const out = referenceZeros(output!);
    const count = x!.shape.at(-1)!;
    for (let row = 0; row < out.data.length; row++) {
      let best = 0;
      for (let i = 1; i < count; i++) if (x!.data[row * count + i]! > x!.data[row * count + best]!) best = i;
      out.data[row] = best;
    }
    return [out];
  },
  batch: ([x], _, examples) => {
    const axis = Math.min(x!.axis!, x!.tensor.shape.length - 2); // not behind the elements that are compared
    return [{ tensor: argmax(atAxis(x!, axis, examples)), axis }];
  },
  cost: (inputs, outputs) => streamingCost(inputs, outputs, elementCount(inputs[0]!.shape)),
});

/** Index of the greatest element along the last axis, `[..., n]` to i32 `[...]`. */
export const argmax = (x: Tensor): Tensor => single(argmaxOp, [x], {});
