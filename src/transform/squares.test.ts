import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { type HostArray, hostArray } from '../compile/host-array.js';
import { ReferenceExecutor } from '../compile/reference/executor.js';
import {
  add,
  cast,
  concat,
  constant,
  constantArray,
  gather,
  gelu,
  matmul,
  mean,
  mul,
  neg,
  reshape,
  rsqrt,
  select,
  slice,
  split,
  square,
  stack,
  sub,
  sum,
  type Tensor,
  tanh,
  transpose,
  treeMap,
} from '../tensor/index.js';
import { customGradient, recompute, vjp } from './custom.js';
import { grad, isTensor, valueAndGrad, withSquaredGradients } from './grad.js';
import { reversible } from './reversible.js';
import { withSquare } from './squares.js';
import { vmap } from './vmap.js';

const reference = new ReferenceExecutor();

const waves = (seed: number, ...shape: number[]): HostArray => {
  const count = shape.reduce((a, b) => a * b, 1);
  return hostArray(
    Float64Array.from({ length: count }, (_, i) => Math.sin(i * 1.37 + seed)),
    shape,
  );
};

const [examples, width, vocab] = [5, 4, 6];

type Weights = Record<'table' | 'scale' | 'bias' | 'w' | 'mixer' | 'wide' | 'other' | 'head', Tensor>;

const weights = {
  table: waves(1, vocab, width),
  scale: waves(2, width),
  bias: waves(3, width),
  w: waves(4, width, width),
  mixer: waves(5, width, width),
  wide: waves(6, width, 3 * width),
  other: waves(7, width, width),
  head: waves(8, vocab, width),
};

const norm = (x: Tensor, scale: Tensor): Tensor =>
  mul(mul(x, rsqrt(add(mean(square(x), { axes: [-1], keepDims: true }), 1e-3))), scale);

type Body = (p: Weights, x: Tensor) => Tensor;

/** x [..., width] to the same. Every way in which a weight is looked at before it is used; each is used once. */
const plain: Body = ({ scale, bias, w, mixer, wide }, x) => {
  const causal = constantArray([1, 1, 1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1], [width, width], 'bool');
  const biased = sub(add(matmul(norm(x, scale), cast(w, x.dtype)), 1), neg(mul(bias, 0.3)));
  const mixed = matmul(gelu(biased), select(causal, mixer, 0));
  const turned = transpose(reshape(slice(wide, { axis: 1, start: width }), [2, width, width]), [0, 2, 1]);
  const [, right] = split(concat([constant(0, [1, width, width], wide.dtype), mul(turned, 2)], 0), [2, 1], 0);
  return tanh(matmul(mixed, reshape(right!, [width, width])));
};

const scaled: Body = (p, x) =>
  customGradient(
    (y) => [plain(p, y!)],
    ({ inputs, cotangents }) => vjp((y) => [plain(p, y!)], ...inputs).pullback(cotangents.map((c) => mul(c!, 0.5))),
  )(x)[0]!;

const streams: Body = (p, x) => {
  const [a, b] = reversible(
    (y) => plain(p, y),
    (y) => tanh(matmul(y, p.other)),
    [x, mul(x, 0.5)],
  );
  return add(a, b);
};

const bodies: Record<string, Body> = {
  plain,
  recompute: (p, x) => recompute((y) => [plain(p, y!)])(x)[0]!,
  'recompute of its weights, too': (p, x) => recompute((y, w) => [plain({ ...p, w: w! }, y!)])(x, p.w)[0]!,
  'a recompute in a recompute': (p, x) => recompute((y) => recompute((z) => [plain(p, z!)])(y!))(x)[0]!,
  customGradient: scaled,
  'customGradient in recompute': (p, x) => recompute((y) => [scaled(p, y!)])(x)[0]!,
  reversible: streams,
  'reversible in recompute': (p, x) => recompute((y) => [streams(p, y!)])(x)[0]!,
};

/** Of one example, whose index is [], or of all, [examples]. */
const lossOf =
  (body: Body) =>
  (p: Weights, index: Tensor, targets: Tensor): Tensor => {
    const rows = index.shape.length > 0 ? index : reshape(index, [1]);
    const logits = matmul(body(p, gather(p.table, rows)), p.head, { transposeB: true }); // [rows, vocab]
    return mean(sum(square(sub(logits, reshape(targets, logits.shape))), { axes: [-1] }));
  };

const [index, targets] = [hostArray(Int32Array.from([3, 1, 3, 0, 5]), [examples]), waves(9, examples, vocab)];

const difference = (got: Record<string, HostArray>, wanted: Record<string, HostArray>): number =>
  Math.max(
    ...Object.entries(wanted).map(([name, { data }]) => {
      const size = Math.max(...(data as Float64Array).map(Math.abs), 1e-300);
      return Math.max(...[...data].map((x, i) => Math.abs(got[name]!.data[i]! - x))) / size;
    }),
  );

const isArray = (value: unknown): value is HostArray => typeof value === 'object' && value !== null && 'data' in value;

const scaledArray = ({ data, shape }: HostArray, scale: number): HostArray =>
  hostArray(
    Float64Array.from(data as Float64Array, (x) => x / scale),
    shape,
  );

const meanOfSquares = (gradients: Weights): Weights =>
  treeMap<Tensor, Tensor>(gradients, isTensor, (g) => mean(square(g), { axes: [0] })) as Weights;

describe('withSquaredGradients', () => {
  it.each(Object.keys(bodies))(
    'gives the mean of the squared gradients of examples of one position: %s',
    async (name) => {
      const loss = lossOf(bodies[name]!);
      const both = compile(
        (p: Weights, i: Tensor, t: Tensor) => ({
          wanted: meanOfSquares(vmap(grad(loss), { inAxes: [null, 0, 0] })(p, i, t)),
          squared: withSquaredGradients(loss)(p, i, t),
          plain: valueAndGrad(loss)(p, i, t),
        }),
        { executor: reference },
      );
      const { wanted, squared, plain: usual } = await both(weights, index, targets);
      expect(squared[0].item()).toBe(usual[0].item());
      expect(difference(squared[1], usual[1])).toBe(0);
      expect(difference(squared[2], wanted)).toBeLessThan(1e-10);
    },
  );

  it('adds up the squares of all uses of a weight', async () => {
    const loss = (p: Weights, i: Tensor): Tensor =>
      mean(square(matmul(tanh(gather(p.table!, i)), p.head!, { transposeB: true })));
    const f = compile(
      (p: Weights, i: Tensor) => ({
        apart: withSquaredGradients(loss)(p, i)[2],
        tied: withSquaredGradients((table: Tensor) => loss({ ...p, table, head: table }, i))(p.table!)[2],
      }),
      { executor: reference },
    );
    const { apart, tied } = await f({ ...weights, head: weights.table }, index);
    const sums = hostArray(
      Float64Array.from(tied.data, (_, i) => apart.table.data[i] + apart.head.data[i]),
      tied.shape,
    );
    expect(difference({ tied }, { tied: sums })).toBeLessThan(1e-12);
  });

  it('contracts the squares of what has many positions, by the first axis of what meets the weight', async () => {
    const blocks = waves(10, 6, width, 3); // [batch * blocks, K, features]
    const mixed = (m: Tensor, x: Tensor): Tensor => matmul(x, m, { transposeA: true }); // [6, 3, K]
    const f = compile(
      (p: { m: Tensor; scale: Tensor; dy: Tensor }, x: Tensor) => {
        const loss = ({ m, scale }: { m: Tensor; scale: Tensor }) => sum(mul(mul(mixed(m, x), scale), p.dy));
        const dy = mul(p.dy, p.scale);
        return {
          got: withSquaredGradients(loss)({ m: p.m, scale: p.scale })[2],
          m: mul(vjp((m) => [mixed(m!, square(x))], p.m).pullback([square(dy)]).inputs[0]!, 6),
          scale: mul(sum(square(mul(mixed(p.m, x), p.dy)), { axes: [0, 1] }), 6),
        };
      },
      { executor: reference },
    );
    const { got, m, scale } = await f({ m: weights.w, scale: weights.scale, dy: waves(11, 6, 3, width) }, blocks);
    expect(difference(got, { m, scale })).toBeLessThan(1e-12);
  });

  it('takes the squares that a rule gives, and else those of its gradients', async () => {
    const scaledBy = (given: boolean) =>
      customGradient(
        (x, scale) => [mul(x!, scale!)],
        ({ inputs: [x, scale], cotangents: [dy] }) => {
          const byHand = sum(mul(dy!, x!), { axes: [0] });
          const square_ = () => mul(sum(square(mul(dy!, x!)), { axes: [0] }), x!.shape[0]!);
          return [mul(dy!, scale!), given ? withSquare(byHand, square_) : byHand];
        },
      );
    const f = compile(
      (p: { scale: Tensor }, x: Tensor) => {
        const of = (forward: (s: Tensor) => Tensor) =>
          withSquaredGradients((q: { scale: Tensor }) => mean(sum(tanh(forward(q.scale)), { axes: [-1] })))(p);
        const [, gradients, fallback] = of((s) => scaledBy(false)(x, s)[0]!);
        return {
          given: of((s) => scaledBy(true)(x, s)[0]!)[2],
          wanted: of((s) => mul(x, s))[2],
          fallback,
          square: { scale: square(gradients.scale) },
          nonlinear: of((s) => mul(x, tanh(s)))[2],
          ofNonlinear: { scale: square(of((s) => mul(x, tanh(s)))[1].scale) },
        };
      },
      { executor: reference },
    );
    const {
      given,
      wanted,
      fallback,
      square: squares,
      nonlinear,
      ofNonlinear,
    } = await f({ scale: weights.scale }, waves(12, examples, width));
    expect(difference(given, wanted)).toBeLessThan(1e-12);
    expect(difference(fallback, squares)).toBe(0);
    expect(difference(nonlinear, ofNonlinear)).toBe(0);
  });

  it('passes rules that are mapped over examples', async () => {
    const experts = 2;
    const x = waves(13, experts, examples, width);
    const each = (p: { w: Tensor }, y: Tensor): Tensor => recompute((z) => [tanh(matmul(z!, p.w))])(y)[0]!;
    const loss = (p: { w: Tensor }, all: Tensor, layer: typeof each): Tensor =>
      mean(sum(square(vmap(layer)(p, all)), { axes: [2] }));
    const f = compile(
      (p: { w: Tensor }, all: Tensor) => ({
        mapped: withSquaredGradients((q: { w: Tensor }) => loss(q, all, each))(p)[2],
        plain: withSquaredGradients((q: { w: Tensor }) => loss(q, all, (r, y) => tanh(matmul(y, r.w))))(p)[2],
      }),
      { executor: reference },
    );
    const { mapped, plain: wanted } = await f({ w: waves(14, experts, width, width) }, x);
    expect(difference(mapped, wanted)).toBeLessThan(1e-12);
  });

  it.each(Object.keys(bodies))('is that of each model where vmap stacks several: %s', async (name) => {
    const loss = lossOf(bodies[name]!);
    const models = [1, 2, 3].map(
      (scale) => treeMap<HostArray, HostArray>(weights as never, isArray, (w) => scaledArray(w, scale)) as never,
    );
    const stacked = (own: readonly Weights[]): Weights =>
      Object.fromEntries(Object.keys(weights).map((key) => [key, stack(own.map((p) => p[key as 'w']))])) as Weights;
    const f = compile(
      (own: readonly Weights[], i: Tensor, t: Tensor) => {
        const all = (p: Weights) => sum(vmap(loss, { inAxes: [0, null, null] })(p, i, t));
        return {
          mapped: withSquaredGradients(all)(stacked(own))[2],
          // Of what was stacked behind the arguments vmap may take each from where it is.
          apart: withSquaredGradients((each: readonly Weights[]) => all(stacked(each)))(own as never)[2],
          loop: own.map((p) => withSquaredGradients(loss)(p, i, t)[2]),
        };
      },
      { executor: reference },
    );
    const { mapped, apart, loop } = await f(models as never, index, targets);
    models.forEach((_, m) => {
      const ofModel = Object.fromEntries(
        Object.entries(mapped as Record<string, HostArray>).map(([key, { data, shape }]) => {
          const size = data.length / models.length;
          return [key, hostArray(Float64Array.from(data.slice(m * size, (m + 1) * size), Number), shape.slice(1))];
        }),
      );
      expect(difference(ofModel, loop[m])).toBeLessThan(1e-10);
      expect(difference(apart[m], loop[m])).toBeLessThan(1e-10);
    });
  });

  it('is the same on the native engine', async () => {
    const f32 = ({ data, shape }: HostArray) => hostArray(Float32Array.from(data as Float64Array), shape);
    const loss = lossOf(bodies.reversible!);
    const args = [
      Object.fromEntries(Object.entries(weights).map(([name, w]) => [name, f32(w)])),
      index,
      f32(targets),
    ] as const;
    const program = (p: Weights, i: Tensor, t: Tensor) => withSquaredGradients(loss)(p, i, t)[2];
    const got = await compile(program, { executor: defaultExecutor() })(...args);
    const wanted = await compile(program, { executor: reference })(...args);
    expect(difference(got, wanted)).toBeLessThan(1e-4);
  });
});
