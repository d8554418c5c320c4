import type { Tensor } from '../graph.js';
import { elementCount } from '../types.js';
import { div, mul } from './arithmetic.js';
import { cast } from './cast.js';
import { equal } from './compare.js';
import { gradientRule, primitive, reference, streamingCost } from './define.js';
import {
  batchReduction,
  inferReduction,
  type ReduceAttributes,
  type ReduceOptions,
  reduce,
  reducedShape,
  reductionExtents,
} from './reduce.js';
import { reshape } from './reshape.js';
import { sum } from './sum.js';

export const maxOp = primitive<ReduceAttributes>({
  name: 'max',
  summary: 'The greatest element over a run of trailing axes; NaN where there is one. Equal ones share the gradient.',
  operands: ['x'],
  attributeNames: ['axes', 'keepDims'],
  kind: 'reduction',
  infer: ([x], attributes, fail) => {
    const type = inferReduction(x!, attributes, false, fail);
    if (attributes.axes.some((axis) => x!.shape[axis] === 0)) fail('there is no greatest of no elements');
    return [type];
  },
  gradient: gradientRule<ReduceAttributes>((dy, { inputs: [x], outputs: [y], attributes: { axes } }) => {
    const kept = reducedShape(x!.shape, axes, true);
    const greatest = cast(equal(x!, reshape(y!, kept)), x!.dtype);
    return [mul(greatest, div(reshape(dy, kept), sum(greatest, { axes, keepDims: true })))];
  }),
  evaluate: ([x], { axes }, [output]) => {
    const { outer, count } = reductionExtents(x!.shape, axes);
    const out = new Float64Array(outer).fill(Number.NEGATIVE_INFINITY);
    for (let o = 0; o < outer; o++) {
      for (let k = 0; k < count; k++) out[o] = Math.max(out[o]!, x!.data[o * count + k]!);
    }
    return [reference(output!, out)];
  },
  batch: batchReduction((x, options) => max(x, options)),
  cost: (inputs, outputs) => streamingCost(inputs, outputs, elementCount(inputs[0]!.shape)),
});

/** The greatest element over `axes`, all of them unless told. See `maximum` for the greater of two tensors. */
export const max = (x: Tensor, options: ReduceOptions = {}): Tensor => reduce(maxOp, x, options, { leading: false });
