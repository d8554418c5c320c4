import type { Tensor } from '../graph.js';
import type { Mapped } from '../op.js';
import { elementCount, type TensorType } from '../types.js';
import { add, mul, neg, sub } from './arithmetic.js';
import { concat, split } from './concat.js';
import {
  checkDType,
  floats,
  gradientRule,
  type NoAttributes,
  primitive,
  referenceZeros,
  single,
  streamingCost,
  type Three,
} from './define.js';
import { exampleShape } from './example-axes.js';
import { atAxis, foldInto, unfold } from './mapped.js';
import { expandDims } from './reshape.js';
import { broadcastTo } from './sum.js';

export const rotaryOp = primitive<NoAttributes>({
  name: 'rotary',
  summary: 'Rotates the pairs (i, i + half) of each head: x [B, T, H, hd] by the angles of cos, sin [B or 1, T, hd/2].',
  operands: ['x', 'cos', 'sin'],
  kind: 'kernel',
  infer: (inputs, _, fail) => {
    const [x] = inputs as Three<TensorType>;
    const [batch, length, , headDim] = x.shape;
    checkDType(x, floats, 'x', fail);
    if (x.shape.length !== 4 || headDim! % 2 !== 0)
      fail('x must be [batch, length, heads, headDim] with an even headDim');
    for (const table of inputs.slice(1)) {
      const [tableBatch, tableLength, half] = table.shape;
      const fits = tableBatch === inputs[1]!.shape[0] && (tableBatch === 1 || tableBatch === batch);
      if (!fits || table.shape.length !== 3 || tableLength !== length || half !== headDim! / 2) {
        fail('cos and sin must be [batch or 1, length, headDim / 2]');
      }
      if (table.dtype !== x.dtype) fail('cos and sin must have the dtype of x; cast() them');
    }
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  gradient: gradientRule((dy, node) => {
    const [, cos, sin] = node.inputs as Three<Tensor>;
    return [rotary(dy, cos, neg(sin)), null, null];
  }),
  decompose: (inputs) => {
    const [x, cos, sin] = inputs as Three<Tensor>;
    const [first, second] = split(x, 2) as [Tensor, Tensor];
    const [c, s] = [expandDims(cos, 2), expandDims(sin, 2)]; // [B or 1, T, 1, hd/2]
    return [concat([sub(mul(first, c), mul(second, s)), add(mul(second, c), mul(first, s))])];
  },
  evaluate: ([x, cos, sin], _, [output]) => {
    const [, length, heads, headDim] = x!.shape as readonly [number, number, number, number];
    const half = headDim / 2;
    const out = referenceZeros(output!);
    for (let row = 0; row * headDim < out.data.length; row++) {
      const position = Math.floor(row / heads); // batch and length
      const table = (cos!.shape[0] === 1 ? position % length : position) * half;
      for (let i = 0; i < half; i++) {
        const [at, to] = [row * headDim + i, row * headDim + half + i];
        const [c, s] = [cos!.data[table + i]!, sin!.data[table + i]!];
        out.data[at] = x!.data[at]! * c - x!.data[to]! * s;
        out.data[to] = x!.data[to]! * c + x!.data[at]! * s;
      }
    }
    return [out];
  },
  batch: (inputs, _, examples) => {
    const [x, ...tables] = inputs as Three<Mapped>;
    const shared = tables.every(({ axis }) => axis === null);
    if (shared && x.axis! > 1) {
      // More heads.
      const inner = x.axis === 3;
      return [
        unfold(rotary(foldInto(x, 2, examples, inner), tables[0]!.tensor, tables[1]!.tensor), 2, examples, inner),
      ];
    }
    // A longer batch. Tables that are the same for all of it stay so.
    const batch = exampleShape(x)[0]!;
    const [cos, sin] = tables.map((table) => {
      const [own, ...rest] = exampleShape(table) as Three<number>;
      if (shared && own === 1) return table.tensor;
      const tensor = broadcastTo(atAxis(table, 0, examples), [examples.size, batch, ...rest]);
      return foldInto({ tensor, axis: 0 }, 0, examples);
    }) as [Tensor, Tensor];
    return [unfold(rotary(foldInto(x, 0, examples), cos, sin), 0, examples)];
  },
  cost: (inputs, outputs) => streamingCost(inputs, outputs, 3 * elementCount(outputs[0]!.shape)),
});

/**
 * Rotary position embedding (Su et al. 2021): in every head of `x` [B, T, H, hd] element i of the first half and of the
 * second half are a point that turns by the angle whose `cos` and `sin` are [B or 1, T, hd/2]. No gradient flows to those.
 */
export const rotary = (x: Tensor, cos: Tensor, sin: Tensor): Tensor => single(rotaryOp, [x, cos, sin], {});
