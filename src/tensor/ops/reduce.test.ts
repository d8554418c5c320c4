import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Node, Tensor } from '../graph.js';
import { elementCount, rowMajorStrides } from '../types.js';
import { array, evaluateFunction } from './evaluate-graph.js';
import { max } from './max.js';
import { sum } from './sum.js';

const ramp = (shape: readonly number[]) =>
  Float64Array.from({ length: elementCount(shape) }, (_, i) => ((i * 7919) % 101) - 50);

const cases = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 })
  .chain((shape) => fc.tuple(fc.constant(shape), fc.subarray(shape.map((_, axis) => axis)), fc.boolean()));

const plain = (
  shape: readonly number[],
  axes: readonly number[],
  combine: (a: number, b: number) => number,
  start: number,
): number[] => {
  const strides = rowMajorStrides(shape);
  const kept = shape.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
  const out = new Array<number>(elementCount(kept.map((axis) => shape[axis]!))).fill(start);
  const outStrides = rowMajorStrides(kept.map((axis) => shape[axis]!));
  ramp(shape).forEach((value, i) => {
    const at = kept.reduce((to, axis, j) => to + (Math.floor(i / strides[axis]!) % shape[axis]!) * outStrides[j]!, 0);
    out[at] = combine(out[at]!, value);
  });
  return out;
};

const reductionsOf = (nodes: readonly Node[]) => nodes.filter(({ op }) => op.kind === 'reduction');

describe.each([
  { name: 'sum', reduce: sum, combine: (a: number, b: number) => a + b, start: 0 },
  { name: 'max', reduce: max, combine: Math.max, start: Number.NEGATIVE_INFINITY },
])('$name', ({ name, reduce, combine, start }) => {
  it('reduces over any axes, kept or not', () => {
    fc.assert(
      fc.property(cases, ([shape, axes, keepDims]) => {
        const [result] = evaluateFunction((x) => [reduce(x!, { axes, keepDims })], array(ramp(shape), shape));
        expect([...result!.data]).toEqual(plain(shape, axes, combine, start));
        expect(result!.shape).toEqual(
          keepDims
            ? shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
            : shape.filter((_, axis) => !axes.includes(axis)),
        );
      }),
    );
  });

  it('never gives the compiler a reduction between other axes', () => {
    fc.assert(
      fc.property(cases, ([shape, axes]) => {
        let nodes: readonly Node[] = [];
        evaluateFunction(
          (x) => {
            const result = reduce(x!, { axes });
            nodes = reductionsOf(nodesBefore(result));
            return [];
          },
          array(ramp(shape), shape),
        );
        for (const { inputs, attributes } of nodes) {
          const run = attributes.axes as readonly number[];
          const rank = inputs[0]!.shape.length;
          const trailing = run.every((axis, i) => axis === rank - run.length + i);
          const leading = name === 'sum' && run.every((axis, i) => axis === i);
          expect(trailing || leading).toBe(true);
        }
      }),
    );
  });

  it('takes all axes unless told, and negative ones from the end', () => {
    const x = array(ramp([2, 3]), [2, 3]);
    const [all, last] = evaluateFunction((t) => [reduce(t!), reduce(t!, { axes: [-1] })], x);
    expect(all!.shape).toEqual([]);
    expect([...last!.data]).toEqual(plain([2, 3], [1], combine, start));
  });

  it.each([[[2]], [[-3]], [[0, 0]], [[1, -1]]])('refuses the axes %j of two', (axes) => {
    const attempt = () => evaluateFunction((x) => [reduce(x!, { axes })], array(ramp([2, 3]), [2, 3]));
    expect(attempt).toThrow(expect.objectContaining({ code: 'E_SHAPE' }));
  });
});

/** The nodes that lead to a value. */
const nodesBefore = (tensor: Tensor): Node[] => [...tensor.node.inputs.flatMap(nodesBefore), tensor.node];

it('reduces batch and length of [B, T, D] in one pass over leading axes', () => {
  evaluateFunction(
    (x) => {
      const result = sum(x!, { axes: [0, 1] });
      expect(result.node.op.name).toBe('sum');
      expect(result.node.inputs[0]).toBe(x);
      return [];
    },
    array(ramp([2, 3, 4]), [2, 3, 4]),
  );
});
