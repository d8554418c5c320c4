import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { HostArray, hostArray } from '../compile/host-array.js';
import { ReferenceExecutor } from '../compile/reference/executor.js';
import {
  add,
  constant,
  gelu,
  matmul,
  mul,
  reshape,
  sign,
  slice,
  softmax,
  square,
  stack,
  sub,
  sum,
  type Tensor,
  type Tree,
  tanh,
  treeLeaves,
  treeMap,
} from '../tensor/index.js';
import { customGradient, recompute, vjp } from './custom.js';
import { grad, isTensor, valueAndGrad } from './grad.js';
import { reversible } from './reversible.js';
import { vmap } from './vmap.js';

const reference = new ReferenceExecutor();
const native = defaultExecutor();

type Weights = { readonly up: Tensor; readonly bias: Tensor; readonly down: Tensor };

type Layer = (p: Weights, x: Tensor) => Tensor;

const waves = (seed: number, ...shape: number[]): HostArray => {
  const count = shape.reduce((a, b) => a * b, 1);
  return hostArray(
    Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.37 + seed)),
    shape,
  );
};

const [examples, length, width, hidden] = [3, 4, 6, 8];
const weights = (...lead: number[]) => ({
  up: waves(1, ...lead, width, hidden),
  bias: waves(2, ...lead, hidden),
  down: waves(3, ...lead, hidden, width),
});

const plain: Layer = ({ up, bias, down }, x) => matmul(gelu(add(matmul(x, up), bias)), down);

/** The layer in the ways that have a backward pass of their own; each must give the gradients of the loop. */
const layers: Record<string, Layer> = {
  plain,
  recompute: (p, x) => recompute((y) => [plain(p, y!)])(x)[0]!,
  'recompute in recompute': (p, x) => recompute((y) => [recompute((z) => [plain(p, z!)])(y!)[0]!])(x)[0]!,
  'customGradient that captures weights': (p, x) =>
    customGradient(
      (y) => [plain(p, y!)],
      ({ inputs, cotangents }) => {
        const { inputs: dx, captured } = vjp((y) => [plain(p, y!)], ...inputs).pullback(cotangents);
        return { inputs: dx.map((d) => d && mul(d, 0.5)), ...(captured && { captured }) };
      },
    )(x)[0]!,
  'customGradient of inputs and outputs': (p, x) =>
    customGradient(
      (y) => [tanh(y!), sign(y!)],
      ({ inputs: [y], outputs: [t], cotangents: [dt, ds] }) => [
        add(mul(dt!, sub(1, square(t!))), ds ? mul(ds, y!) : mul(dt!, 0)),
      ],
    )(plain(p, x)).reduce(add),
  'customGradient whose value is the same for all': (p, x) =>
    mul(
      customGradient(
        (y) => [constant(0.7, y!.shape)],
        ({ inputs: [y], cotangents: [dy] }) => [mul(dy!, y!)],
      )(x)[0]!,
      plain(p, x),
    ),
  'customGradient with the same cotangent for all': (p, x) =>
    customGradient(
      (y, bias) => [mul(y!, sum(bias!))],
      ({ inputs: [, bias], cotangents: [dy] }) => [dy!, constant(0.3, bias!.shape)],
    )(plain(p, x), p.bias)[0]!,
  reversible: (p, x) => {
    const [y1, y2] = reversible((z) => plain(p, z), tanh, [x, mul(x, 0.5)]);
    return mul(y1, y2);
  },
  'vjp inside': (p, x) => {
    const { outputs, pullback } = vjp((y) => [plain(p, y!)], x);
    return pullback([square(outputs[0]!)]).inputs[0]!;
  },
  attention: (p, x) => {
    const weights = softmax(matmul(matmul(x, p.up), matmul(x, p.up), { transposeB: true }));
    return matmul(weights, plain(p, x));
  },
};

/** What `vmap` does, one example after the other. Arguments are mapped over the first axis, or, where told, not at all. */
type Mapper = <A extends readonly Tree<Tensor>[]>(
  f: (...args: A) => Tree<Tensor>,
  inAxes?: readonly (0 | null)[],
) => (...args: A) => Tree<Tensor>;

const looped: Mapper =
  (f, inAxes = []) =>
  (...args) => {
    const count = treeLeaves<Tensor>(args[inAxes.indexOf(0)] ?? args[0]!, isTensor)[0]!.value.shape[0]!;
    const runs = Array.from({ length: count }, (_, i) => {
      const one = args.map((arg, at) =>
        inAxes[at] === null
          ? arg
          : treeMap<Tensor, Tensor>(arg, isTensor, (leaf) =>
              reshape(slice(leaf, { axis: 0, start: i, end: i + 1 }), leaf.shape.slice(1)),
            ),
      );
      return treeLeaves<Tensor>(f(...(one as unknown as typeof args)), isTensor);
    });
    return Object.fromEntries(runs[0]!.map(({ path }, leaf) => [path, stack(runs.map((run) => run[leaf]!.value))]));
  };

const mapped: Mapper = (f, inAxes) => vmap(f, inAxes ? { inAxes } : {});

const total = (tree: Tree<Tensor>): Tensor =>
  treeLeaves<Tensor>(tree, isTensor)
    .map(({ value }) => sum(square(value)))
    .reduce(add);

const close = (got: Tree<HostArray>, expected: Tree<HostArray>): void => {
  const isArray = (value: unknown): value is HostArray => value instanceof HostArray;
  const [a, b] = [treeLeaves<HostArray>(got, isArray), treeLeaves<HostArray>(expected, isArray)];
  expect(a.length).toBe(b.length);
  a.forEach(({ value }, i) => {
    const other = b[i]!.value;
    expect(value.shape).toEqual(other.shape);
    const scale = Math.max(1, ...Array.from(other.data, Math.abs));
    value.data.forEach((x, at) => expect(Math.abs(x - other.data[at]!) / scale, `element ${at}`).toBeLessThan(1e-4));
  });
};

const loss =
  (layer: Layer) =>
  (p: Weights, x: Tensor): Tensor =>
    sum(square(layer(p, x)));

describe.skipIf(native.name !== 'native')('the gradient of shared weights', () => {
  it('is one product over all rows, also where the layer is computed again', () => {
    const big = { up: waves(1, 128, 256), bias: waves(2, 256), down: waves(3, 256, 128) };
    const program = (layer: Layer) => (p: Weights, xs: Tensor) =>
      grad((w: Weights) => sum(square(vmap((x: Tensor) => layer(w, x))(xs))))(p);
    const plan = compile(program(layers.recompute!), { executor: native }).plan(big, waves(4, 16, 4, 128));
    const products = plan.calls.filter(({ kernel, shape }) => kernel === 'gemm' && shape[0] === 16 && shape[1]! > 4);
    expect(products).toEqual([]);
  });
});

describe('the gradient of a stack', () => {
  it('does not pass it by for what it was made of', async () => {
    const parts = [1, 2, 3].map((seed) => waves(seed, width, hidden));
    const program = (map: Mapper) => (ws: readonly Tensor[], xs: Tensor) => {
      const stacked = stack(ws);
      return grad((all: Tensor) => total(map((w: Tensor, x: Tensor) => tanh(matmul(x, w)))(all, xs)))(stacked);
    };
    const args = [parts as never, waves(4, examples, length, width)] as const;
    close(
      await compile(program(mapped), { executor: reference })(...args),
      await compile(program(looped), { executor: reference })(...args),
    );
  });
});

/** Programs over a batch `xs` and weights, by what maps them. */
const programs: Record<string, (layer: Layer, map: Mapper) => (p: Weights, xs: Tensor) => Tree<Tensor>> = {
  'per-example gradients of shared weights': (layer, map) => (p, xs) =>
    map((w: Tree<Tensor>, x: Tensor) => grad(loss(layer))(w as unknown as Weights, x) as never, [null, 0])(
      p as never,
      xs,
    ),
  'per-example gradients of the examples': (layer, map) => (p, xs) =>
    map((x: Tensor) => grad((y: Tensor) => loss(layer)(p, y))(x))(xs),
  'the gradient of a mapped loss': (layer, map) => (p, xs) =>
    grad((both: { p: Weights; xs: Tensor }) => total(map((x: Tensor) => layer(both.p, x))(both.xs)) as never)({
      p,
      xs,
    } as never),
  'the gradient of a penalty on per-example gradients': (layer, map) => (p, xs) =>
    grad((w: Weights) => total(map((x: Tensor) => grad((y: Tensor) => loss(layer)(w, y))(x))(xs)) as never)(p as never),
  'a mapped function under recompute': (layer, map) => (p, xs) =>
    grad(
      (both: { p: Weights; xs: Tensor }) =>
        total(
          recompute((y) =>
            treeLeaves<Tensor>(map((x: Tensor) => layer(both.p, x))(y!), isTensor).map(({ value }) => value),
          )(both.xs),
        ) as never,
    )({ p, xs } as never),
  'a mapped function in a mapped function': (layer, map) => (p, xs) =>
    map((x: Tensor) => {
      const inner = map((row: Tensor) => layer(p, reshape(row, [1, width])));
      return grad((y: Tensor) => total(inner(y)))(x);
    })(xs),
};

describe.each(Object.entries(layers))('with a layer of kind: %s', (_, layer) => {
  it.each(Object.entries(programs))('%s equals the loop', async (__, program) => {
    const args = [weights(), waves(4, examples, length, width)] as const;
    const expected = await compile(program(layer, looped), { executor: reference })(...args);
    close(await compile(program(layer, mapped), { executor: reference })(...args), expected);
    if (native.name === 'native') close(await compile(program(layer, mapped), { executor: native })(...args), expected);
  });

  it('the gradient over many weights and one input equals the loop', async () => {
    const program = (map: Mapper) => (p: Weights, x: Tensor) =>
      valueAndGrad((both: { p: Weights; x: Tensor }) =>
        total(map((w: Tree<Tensor>) => layer(w as unknown as Weights, both.x))(both.p as never)),
      )({ p, x });
    const args = [weights(examples), waves(4, length, width)] as const;
    const expected = await compile(program(looped), { executor: reference })(...args);
    close(await compile(program(mapped), { executor: reference })(...args), expected);
    if (native.name === 'native') close(await compile(program(mapped), { executor: native })(...args), expected);
  });
});
