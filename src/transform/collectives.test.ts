import { describe, expect, it } from 'vitest';
import {
  add,
  allGather,
  allReduceSum,
  allToAll,
  axisIndex,
  axisSize,
  cast,
  concat,
  expandDims,
  mul,
  reduceScatterSum,
  slice,
  square,
  sum,
  type Tensor,
  tanh,
  transpose,
} from '../tensor/index.js';
import { evaluateFunction } from '../tensor/ops/evaluate-graph.js';
import { valuesOf } from '../tensor/ops/test-support.js';
import { customGradient, recompute } from './custom.js';
import { grad } from './grad.js';
import {
  axisName,
  differenceOf,
  loss,
  overDevices,
  part,
  parts,
  total,
  valuesOfDevices,
} from './named-axes-test-support.js';
import { reversible } from './reversible.js';
import { vmap } from './vmap.js';

const stack = (xs: readonly Tensor[], axis = 0): Tensor =>
  concat(
    xs.map((x) => expandDims(x, axis)),
    axis,
  );

/** A function of one device, and what it is over all of them, as plain code over lists. */
interface Case {
  readonly one: (x: Tensor) => Tensor;
  readonly all: (xs: readonly Tensor[]) => readonly Tensor[];
}

/** x is [D, 2 D, 3] on each of D devices. */
const collectives: Record<string, Case> = {
  allReduceSum: {
    one: (x) => allReduceSum(x, axisName),
    all: (xs) => xs.map(() => total(xs)),
  },
  'allReduceSum of what all share': {
    one: (x) => mul(x, allReduceSum(cast(axisIndex(axisName), x.dtype), axisName)),
    all: (xs) => xs.map((x) => mul(x, (xs.length * (xs.length - 1)) / 2)),
  },
  axisIndex: {
    one: (x) => mul(x, cast(add(axisIndex(axisName), axisSize(axisName)), x.dtype)),
    all: (xs) => xs.map((x, i) => mul(x, i + xs.length)),
  },
  'allGather in front': { one: (x) => allGather(x, { axisName }), all: (xs) => xs.map(() => stack(xs)) },
  'allGather behind': { one: (x) => allGather(x, { axisName, axis: -1 }), all: (xs) => xs.map(() => stack(xs, 3)) },
  'allGather tiled': {
    one: (x) => allGather(x, { axisName, axis: 1, tiled: true }),
    all: (xs) => xs.map(() => concat(xs, 1)),
  },
  'allToAll, to the front': {
    one: (x) => allToAll(x, { axisName, splitAxis: 0, concatAxis: 0 }),
    all: (xs) => xs.map((_, i) => stack(xs.map((x) => part(x, i)))),
  },
  'allToAll, to the end': {
    one: (x) => allToAll(x, { axisName, splitAxis: 0, concatAxis: -1 }),
    all: (xs) =>
      xs.map((_, i) =>
        stack(
          xs.map((x) => part(x, i)),
          2,
        ),
      ),
  },
  'allToAll tiled': {
    one: (x) => allToAll(x, { axisName, splitAxis: 1, concatAxis: 2, tiled: true }),
    all: (xs) =>
      xs.map((_, i) =>
        concat(
          xs.map((x) => slice(x, { axis: 1, start: 2 * i, end: 2 * i + 2 })),
          2,
        ),
      ),
  },
  'allToAll of what all share': {
    one: (x) => add(allToAll(allReduceSum(x, axisName), { axisName, splitAxis: 0, concatAxis: 0 }), mul(x, x)),
    all: (xs) => xs.map((x, i) => add(stack(xs.map(() => part(total(xs), i))), mul(x, x))),
  },
  reduceScatterSum: {
    one: (x) => reduceScatterSum(x, { axisName }),
    all: (xs) => xs.map((_, i) => part(total(xs), i)),
  },
  'reduceScatterSum tiled': {
    one: (x) => reduceScatterSum(x, { axisName, axis: 1, tiled: true }),
    all: (xs) => xs.map((_, i) => slice(total(xs), { axis: 1, start: 2 * i, end: 2 * i + 2 })),
  },
  'all of them in a row': {
    one: (x) => {
      const dealt = tanh(allToAll(x, { axisName, splitAxis: 0, concatAxis: 0 }));
      const back = allToAll(dealt, { axisName, splitAxis: 0, concatAxis: 0 });
      return mul(add(back, x), allReduceSum(sum(square(dealt)), axisName));
    },
    all: (xs) => {
      const dealt = xs.map((_, i) => tanh(stack(xs.map((x) => part(x, i)))));
      const norm = total(dealt.map((y) => sum(square(y))));
      return xs.map((x, i) => mul(add(stack(dealt.map((y) => part(y, i))), x), norm));
    },
  },
  'in recompute': {
    one: (x) => recompute((y) => [tanh(allReduceSum(mul(y!, x), axisName))])(x)[0]!,
    all: (xs) => xs.map(() => tanh(total(xs.map((x) => mul(x, x))))),
  },
  'in reversible steps': {
    one: (x) => {
      const f = (y: Tensor) => tanh(allToAll(y, { axisName, splitAxis: 0, concatAxis: 0 }));
      const [a, b] = reversible(f, (y) => mul(y, allReduceSum(sum(y), axisName)), [x, mul(x, 2)]);
      return mul(a, b);
    },
    all: (xs) => {
      const f = (ys: readonly Tensor[]) => ys.map((_, i) => tanh(stack(ys.map((y) => part(y, i)))));
      const twice = xs.map((x) => mul(x, 2));
      const a = f(twice).map((y, i) => add(xs[i]!, y));
      const norm = total(a.map((y) => sum(y)));
      return a.map((y, i) => mul(y, add(twice[i]!, mul(y, norm))));
    },
  },
  'in a rule of customGradient': {
    one: (x) =>
      customGradient(
        (y) => [allReduceSum(square(y!), axisName)],
        ({ inputs: [y], cotangents: [dy] }) => [mul(mul(allReduceSum(dy!, axisName), y!), 2)],
      )(x)[0]!,
    all: (xs) => xs.map(() => total(xs.map(square))),
  },
};

describe.each([1, 2, 4])('collectives over %i devices, mapped', (devices) => {
  const xs = valuesOfDevices(devices);

  describe.each(Object.entries(collectives))('%s', (_, { one, all }) => {
    it.each([0, 1, 2, 3])('equals plain code, with the devices along axis %i', (axis) => {
      const order = [1, 2, 3];
      order.splice(axis, 0, 0);
      const [got, want] = evaluateFunction(
        (x) => [overDevices(one, { inAxes: axis })(transpose(x!, order)), stack(all(parts(x!)))],
        xs,
      );
      expect(differenceOf(got!, want!)).toBeUndefined();
    });

    it('has the gradient of plain code', () => {
      const weigh = (ys: readonly Tensor[]) => total(ys.map((y, i) => loss(y, i + 1)));
      const [got, want] = evaluateFunction(
        (x) => [
          grad((y: Tensor) => weigh(parts(overDevices(one)(y))))(x!),
          grad((y: Tensor) => weigh(all(parts(y))))(x!),
        ],
        xs,
      );
      expect(differenceOf(got!, want!)).toBeUndefined();
    });

    it('has, differentiated on each device, the gradient of the sum over all of them', () => {
      const [got, want] = evaluateFunction(
        (x) => [
          overDevices(grad((y: Tensor) => loss(one(y), 1)))(x!),
          grad((y: Tensor) => total(all(parts(y)).map((z) => loss(z, 1))))(x!),
        ],
        xs,
      );
      expect(differenceOf(got!, want!)).toBeUndefined();
    });

    it.each([0, 2])('nests with other examples, along axis %i, inside and outside', (axis) => {
      const batch = valuesOf({ shape: [devices, 3, devices, 2 * devices, 3] }, 7); // 3 examples on each device
      const moved = (x: Tensor): Tensor => (axis === 0 ? x : transpose(x, [0, 2, 3, 1, 4]));
      const [inside, outside, want] = evaluateFunction((x) => {
        const examples = parts(x!, 1); // [devices, ...] of each
        return [
          overDevices(vmap(one, { inAxes: axis }))(moved(x!)),
          transpose(vmap(overDevices(one), { inAxes: axis + 1, outAxes: 0 })(moved(x!)), [
            1,
            0,
            ...Array.from({ length: rankOf(one) }, (_, i) => i + 2),
          ]),
          stack(
            examples.map((example) => stack(all(parts(example)))),
            1,
          ),
        ];
      }, batch);
      expect(differenceOf(inside!, want!)).toBeUndefined();
      expect(differenceOf(outside!, want!)).toBeUndefined();
    });

    /** Axes that the function's result has. */
    const rankOf = (f: (x: Tensor) => Tensor): number =>
      evaluateFunction((x) => [overDevices(f)(x!)], xs)[0]!.shape.length - 1;
  });
});
