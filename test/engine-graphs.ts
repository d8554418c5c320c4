import type { HostArray } from '../src/compile/host-array.js';
import {
  abs,
  add,
  argmax,
  attention,
  bitAnd,
  broadcastTo,
  cast,
  concat,
  constant,
  constantArray,
  cos,
  div,
  dropout,
  elementCount,
  exp,
  floor,
  gather,
  gelu,
  iota,
  less,
  matmul,
  max,
  maximum,
  mean,
  minimum,
  mul,
  multiplyAdd,
  neg,
  pad,
  type RandomSource,
  reshape,
  rotary,
  rsqrt,
  type Shape,
  sameShape,
  scatterAdd,
  select,
  sigmoid,
  sin,
  slice,
  softmax,
  split,
  square,
  sub,
  sum,
  type Tensor,
  takeAlong,
  tanh,
  transpose,
  unless,
} from '../src/tensor/index.js';
import { broadcastShapes } from '../src/tensor/ops/broadcast.js';
import { chance, type Draw, drawBy, permutation, pick, size, values } from './engine-support.js';

/** A random program, the same one whenever it is traced: what it is made of and what it needs. */
export interface RandomGraph {
  readonly inputs: readonly HostArray[];
  /** Values for a bool scalar `condition` and i32 scalars `seed` and `step`, which follow the inputs. */
  readonly trace: (inputs: readonly Tensor[], condition: Tensor, random: RandomSource) => Tensor[];
  /** The same with inputs that live in a state: their next values, of the same shapes, besides the results. */
  readonly step: (
    inputs: readonly Tensor[],
    condition: Tensor,
    random: RandomSource,
  ) => { next: Tensor[]; results: Tensor[] };
}

/**
 * `sharp` graphs round, compare and look up what they computed: there the float64 of the reference may go another way,
 * and only native runs can be compared.
 */
export const randomGraph = (seed: number, steps: number, sharp: boolean): RandomGraph => {
  const draw = drawBy(seed);
  const square = Math.min(size(draw), 17);
  const dims = [size(draw), size(draw), size(draw)].map((n) => (chance(draw, 3) ? square : Math.min(n, 17)));
  const shapes = Array.from({ length: draw(1, 4) }, () => dims.slice(draw(0, 2)).map((n) => (chance(draw, 5) ? 1 : n)));
  shapes.push(dims);
  const inputs = shapes.map((shape) => values(draw, shape, 'f32', [-2, 2]));
  const body = draw(0, 2 ** 30);
  const grow = (tensors: readonly Tensor[], condition: Tensor, random: RandomSource): Growth => {
    const growth = new Growth(drawBy(body), [...tensors], { condition, random, sharp });
    for (let i = 0; i < steps; i++) growth.step();
    return growth;
  };
  return {
    inputs,
    trace: (...all) => grow(...all).results(),
    step: (tensors, ...around) => {
      const growth = grow(tensors, ...around);
      return { next: tensors.map((tensor) => growth.successor(tensor)), results: growth.results() };
    },
  };
};

interface Surroundings {
  readonly condition: Tensor;
  readonly random: RandomSource;
  readonly sharp: boolean;
}

const most = 6000;

/** Values that grow by one op after the other, and stay within a few units. */
class Growth {
  constructor(
    private readonly draw: Draw,
    private readonly values: Tensor[],
    private readonly around: Surroundings,
    private readonly depth = 0,
  ) {}

  /** Some of the values, the last one among them. */
  results(): Tensor[] {
    const { values, draw } = this;
    const others = Array.from({ length: draw(0, 4) }, () => pick(draw, values));
    return [values.at(-1)!, ...others];
  }

  /** A value of the same shape, one that was computed from others if there is one. */
  successor({ shape }: Tensor): Tensor {
    const same = this.values.filter((value) => sameShape(value.shape, shape));
    return pick(this.draw, same.slice(-3));
  }

  step(): void {
    const { draw } = this;
    const kinds = [
      this.unary,
      this.unary,
      this.binary,
      this.binary,
      this.binary,
      this.reduction,
      this.view,
      this.view,
      this.join,
      this.product,
      this.fused,
      this.lookup,
    ];
    if (this.around.sharp) kinds.push(this.rounding);
    if (this.depth < 2 && chance(draw, 2)) kinds.push(this.conditional);
    const made = pick(draw, kinds)
      .call(this)
      .filter((value) => elementCount(value.shape) <= most);
    this.values.push(...made);
  }

  /** Newer values more often, so that chains get long. */
  private any(): Tensor {
    const { values, draw } = this;
    return values[Math.max(draw(0, values.length - 1), draw(0, values.length - 1))]!;
  }

  private readonly unary = (): Tensor[] => {
    const x = this.any();
    const f = pick(this.draw, [
      tanh,
      sigmoid,
      sin,
      cos,
      neg,
      abs,
      gelu,
      (y: Tensor) => exp(neg(abs(y))),
      (y: Tensor) => rsqrt(add(square(y), 1)),
      (y: Tensor) => mul(y, 0.7),
      (y: Tensor) => cast(cast(y, 'f64'), 'f32'),
    ]);
    return [f(x)];
  };

  private readonly binary = (): Tensor[] => {
    const { draw } = this;
    const [a, b, c] = [this.any(), this.any(), this.any()];
    if (!broadcastShapes([a.shape, b.shape])) return [add(a, mean(b))];
    const f = pick(draw, [
      (): Tensor => mul(add(a, b), 0.5),
      () => mul(sub(a, b), 0.5),
      () => mul(tanh(a), b),
      () => maximum(a, b),
      () => minimum(a, b),
      () => div(a, add(abs(b), 1)),
      () => select(less(a, b), a, b),
      () => multiplyAdd(tanh(a), 0.5, broadcastShapes([a.shape, b.shape, c.shape]) ? mul(c, 0.5) : b),
    ]);
    return [f()];
  };

  private readonly reduction = (): Tensor[] => {
    const { draw } = this;
    const x = this.any();
    const axes = x.shape.flatMap((_, i) => (chance(draw, 2) ? [i] : []));
    const options = { keepDims: chance(draw, 2), ...(axes.length > 0 && { axes }) };
    const f = pick(draw, [
      (): Tensor => mean(x, options),
      () => mul(sum(mul(tanh(x), x), options), 1 / elementCount(x.shape)),
      () => max(x, options),
      () => mul(sum(square(sub(x, mean(x, { axes: [0], keepDims: true }))), options), 1 / elementCount(x.shape)),
    ]);
    return x.shape.length === 0 ? [] : [f()];
  };

  private readonly view = (): Tensor[] => {
    const { draw } = this;
    const x = this.any();
    if (x.shape.length === 0) return [reshape(x, [1, 1])];
    const axis = draw(0, x.shape.length - 1);
    const length = x.shape[axis]!;
    const cut = draw(0, length - 1);
    const f = pick(draw, [
      (): Tensor[] => [transpose(x, permutation(draw, x.shape.length))],
      () => [reshape(x, refactored(draw, x.shape))],
      () => [slice(x, { axis, start: cut, end: draw(cut + 1, length) })],
      () => (cut > 0 ? split(x, [cut, length - cut], axis) : [x]),
      () => [broadcastTo(x, [draw(1, 3), ...x.shape])],
      () => [pad(x, { axis, before: draw(0, 2), after: draw(0, 3) })],
    ]);
    return f();
  };

  private readonly join = (): Tensor[] => {
    const { draw, values } = this;
    const x = this.any();
    if (x.shape.length === 0) return [];
    const axis = draw(0, x.shape.length - 1);
    const others = values.filter(
      (y) => y.shape.length === x.shape.length && y.shape.every((n, i) => i === axis || n === x.shape[i]),
    );
    return [concat([x, pick(draw, others), ...(chance(draw, 2) ? [tanh(x)] : [])], axis)];
  };

  private readonly product = (): Tensor[] => {
    const { draw } = this;
    const x = this.any();
    if (x.shape.length < 2) return [];
    const [m, k] = x.shape.slice(-2) as [number, number];
    const scale = (value: Tensor, inner: number): Tensor => mul(value, 1 / (2 * inner));
    const weights = this.values.filter((w) => w.shape.length === 2 && w.shape[0] === k);
    const kinds = [
      () => scale(matmul(x, x, { transposeB: true }), k),
      () => scale(matmul(x, x, { transposeA: true }), m),
    ];
    if (weights.length > 0) {
      kinds.push(() => scale(matmul(x, pick(draw, weights)), k));
      kinds.push(() => gelu(add(scale(matmul(x, pick(draw, weights)), k), 0.1)));
    } else {
      const n = size(draw);
      kinds.push(() =>
        tanh(
          matmul(
            x,
            constantArray(
              Array.from({ length: k * n }, (_, i) => Math.sin(i) / k),
              [k, n],
            ),
          ),
        ),
      );
      kinds.push(() =>
        matmul(
          x,
          constantArray(
            Array.from({ length: k * n }, (_, i) => Math.cos(i) / k),
            [n, k],
          ),
          { transposeB: true },
        ),
      );
    }
    return [pick(draw, kinds)()];
  };

  private readonly fused = (): Tensor[] => {
    const { draw } = this;
    const x = this.any();
    if (x.shape.length === 0 || elementCount(x.shape) > 1500 || x.shape.at(-1)! > 256) return [];
    if (chance(draw, 2)) return [mul(softmax(x), 2)];
    if (chance(draw, 2)) return [dropout(x, 0.3, this.around.random)];
    const heads = reshape(x, [1, elementCount(x.shape.slice(0, -1)), 1, x.shape.at(-1)!]);
    if (chance(draw, 2) || x.shape.at(-1)! % 2 === 1)
      return [attention({ q: heads, k: tanh(heads), v: heads }, { causal: chance(draw, 2) })];
    const [length, half] = [heads.shape[1]!, heads.shape[3]! / 2];
    const angles = reshape(mul(cast(iota(length * half), 'f32'), 0.1), [1, length, half]);
    return [rotary(heads, cos(angles), sin(angles))];
  };

  private readonly lookup = (): Tensor[] => {
    const { draw } = this;
    const x = this.any();
    if (x.shape.length < 2 || elementCount(x.shape) > 1500) return [];
    const [rows, columns] = [elementCount(x.shape.slice(0, -1)), x.shape.at(-1)!];
    const indices = (bound: number, shape: Shape): Tensor =>
      constantArray(
        Array.from({ length: elementCount(shape) }, (_, i) => (i * 7 + 3) % bound),
        shape,
        'i32',
      );
    const f = pick(draw, [
      (): Tensor => gather(reshape(x, [rows, columns]), indices(rows, [draw(1, 9)])),
      () => mul(scatterAdd(indices(draw(1, 9), x.shape.slice(0, -1)), x, 9), 1 / rows),
      () => takeAlong(x, indices(columns, [...x.shape.slice(0, -1), draw(1, 5)])),
    ]);
    return [f()];
  };

  private readonly rounding = (): Tensor[] => {
    const { draw } = this;
    const x = this.any();
    const f = pick(draw, [
      (): Tensor => cast(cast(x, 'bf16'), 'f32'),
      () => floor(mul(x, 3)),
      () => cast(bitAnd(cast(mul(x, 10), 'i32'), 3), 'f32'),
      () => cast(cast(x, 'bool'), 'f32'),
      () => cast(cast(mul(x, 100), 'u8'), 'f32'),
      () => (x.shape.length > 0 ? cast(argmax(x), 'f32') : x),
      () => cast(less(x, 0.1), 'f32'),
    ]);
    return [f()];
  };

  /** A block that may be skipped, with ops of its own and values from outside. */
  private readonly conditional = (): Tensor[] => {
    const { draw, around } = this;
    const kept = [this.any(), this.any()];
    const body = (): Tensor[] => {
      const inner = new Growth(draw, [...this.values], around, this.depth + 1);
      for (let i = draw(1, 6); i > 0; i--) inner.step();
      return kept.map((x) =>
        pick(
          draw,
          inner.values.filter((value) => sameShape(value.shape, x.shape)),
        ),
      );
    };
    return unless(
      around.condition,
      kept.map((x) => (chance(draw, 4) ? constant(0.5, x.shape) : x)),
      body,
    );
  };
}

/** Another shape with as many elements. */
const refactored = (draw: Draw, shape: Shape): number[] => {
  if (chance(draw, 3)) return [elementCount(shape)];
  const at = draw(0, shape.length - 1);
  if (at + 1 < shape.length && chance(draw, 2))
    return [...shape.slice(0, at), shape[at]! * shape[at + 1]!, ...shape.slice(at + 2)];
  const factor = [2, 3, 5].find((n) => shape[at]! % n === 0) ?? 1;
  return [...shape.slice(0, at), factor, shape[at]! / factor, ...shape.slice(at + 1)];
};
