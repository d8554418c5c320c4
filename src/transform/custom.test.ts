import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { asBytes, type HostArray, hostArray, scalar } from '../compile/host-array.js';
import { ReferenceExecutor } from '../compile/reference/executor.js';
import {
  add,
  cast,
  dropout,
  finite,
  gelu,
  logicalNot,
  matmul,
  mul,
  type RandomSource,
  sign,
  square,
  stopGradient,
  sum,
  type Tensor,
  tanh,
  unless,
} from '../tensor/index.js';
import { customGradient, recompute, vjp } from './custom.js';
import { grad, valueAndGrad } from './grad.js';
import { reversible } from './reversible.js';

const reference = new ReferenceExecutor();
const native = defaultExecutor();
const f64 = (...data: number[]): HostArray => hostArray(Float64Array.from(data));

const waves = (type: 'f32' | 'f64', seed: number, ...shape: number[]): HostArray => {
  const data = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.37 + seed));
  return hostArray(type === 'f32' ? Float32Array.from(data) : data, shape);
};

describe.each([reference, native])('customGradient ($name)', (executor) => {
  it('passes gradients straight through a step', async () => {
    const step = customGradient(
      (x) => [sign(x!)],
      ({ cotangents }) => [...cotangents],
    );
    const f = compile((x: Tensor) => valueAndGrad((y: Tensor) => sum(mul(step(y)[0]!, 3)))(x), { executor });
    const [value, gradient] = await f(f64(-2, 0.5, 4));
    expect(value.item()).toBe(3);
    expect([...gradient.data]).toEqual([3, 3, 3]);
  });

  it('scales gradients and leaves values alone', async () => {
    const scaled = customGradient(
      (x) => [x!],
      ({ cotangents: [dy] }) => [mul(dy!, 0.25)],
    );
    const f = compile((x: Tensor) => valueAndGrad((y: Tensor) => sum(mul(scaled(y)[0]!, y)))(x), { executor });
    const [value, gradient] = await f(f64(4));
    expect([value.item(), gradient.item()]).toEqual([16, 5]);
  });

  it('gives captured values their gradients through the pullback of vjp', async () => {
    const layer =
      (w: Tensor) =>
      (x: Tensor): readonly Tensor[] => [tanh(mul(x, w))];
    const wrapped = (w: Tensor) =>
      customGradient(
        (x) => layer(w)(x!),
        ({ inputs, cotangents }) => vjp((x) => layer(w)(x!), ...inputs).pullback(cotangents),
      );
    const loss = (apply: (w: Tensor) => (x: Tensor) => readonly Tensor[]) => (p: { x: Tensor; w: Tensor }) =>
      sum(mul(apply(p.w)(p.x)[0]!, p.w));
    const f = compile((p: { x: Tensor; w: Tensor }) => [grad(loss(layer))(p), grad(loss(wrapped))(p)], { executor });
    const [plain, custom] = await f({ x: f64(0.3, -1, 2), w: f64(1, 0.5, -0.7) });
    expect([...custom.x.data]).toEqual([...plain.x.data]);
    expect([...custom.w.data]).toEqual([...plain.w.data]);
  });

  it('gives them inside of recompute, too', async () => {
    const wrapped = (w: Tensor) =>
      customGradient(
        (x) => [tanh(mul(x!, w))],
        ({ inputs, cotangents }) => vjp((x) => [tanh(mul(x!, w))], ...inputs).pullback(cotangents),
      );
    const plain = compile((w: Tensor, x: Tensor) => grad((v: Tensor) => sum(wrapped(v)(x)[0]!))(w), { executor });
    const again = compile(
      (w: Tensor, x: Tensor) => grad((v: Tensor) => sum(recompute((y) => wrapped(v)(y!))(x)[0]!))(w),
      { executor },
    );
    const args = [f64(1, 0.5, -0.7), f64(0.3, -1, 2)] as const;
    const expected = [...(await plain(...args)).data];
    expect(expected.every((value) => value !== 0)).toBe(true);
    expect([...(await again(...args)).data]).toEqual(expected);
  });

  it('is differentiated again through the ops of its rule', async () => {
    // The rule says 3 x^2 dy, whatever the function is.
    const odd = customGradient(
      (x) => [mul(x!, 0)],
      ({ inputs: [x], cotangents: [dy] }) => [mul(mul(mul(x!, x!), 3), dy!)],
    );
    const second = compile((x: Tensor) => grad((y: Tensor) => sum(grad((z: Tensor) => sum(odd(z)[0]!))(y)))(x), {
      executor,
    });
    expect([...(await second(f64(1, -2))).data]).toEqual([6, -12]);
  });
});

describe('customGradient', () => {
  it('refuses a rule that returns another number of cotangents', async () => {
    const wrong = customGradient(
      (a, b) => [add(a!, b!)],
      ({ cotangents }) => [...cotangents],
    );
    const f = compile((x: Tensor) => grad((y: Tensor) => sum(wrong(y, y)[0]!))(x));
    await expect(f(f64(1))).rejects.toMatchObject({
      code: 'E_TRACE',
      message: expect.stringContaining('1 cotangents for 2 inputs'),
    });
  });
});

describe('a function that gives no list of tensors', () => {
  // As JavaScript calls them, where no type is in the way.
  const alone = ((x: Tensor) => square(x)) as unknown as (x: Tensor | undefined) => Tensor[];
  const numbers = (() => [1]) as unknown as () => Tensor[];
  const nothing = (() => undefined) as unknown as () => Tensor[];

  it.each<[string, string, (x: Tensor) => Tensor]>([
    ['recompute: the function', 'a tensor alone', (x) => recompute(alone)(x)[0]!],
    ['recompute: the function', 'another list', (x) => recompute(numbers)(x)[0]!],
    ['vjp: the function', 'a tensor alone', (x) => vjp(alone, x).outputs[0]!],
    ['reversible: the function', 'another list', (x) => reversible(alone as never, () => [x] as never, [x, x])[0]],
    ['customGradient: the function', 'undefined', (x) => customGradient(nothing, () => [null])(x)[0]!],
    ['customGradient: the backward function', 'undefined', (x) => customGradient((y) => [square(y!)], nothing)(x)[0]!],
    [
      'customGradient: the backward function',
      'a tensor alone',
      (x) =>
        customGradient(
          (y) => [square(y!)],
          ({ inputs }) => alone(inputs[0]),
        )(x)[0]!,
    ],
  ])('%s returned %s', async (who, what, f) => {
    const slope = compile((x: Tensor) => grad((y: Tensor) => sum(f(y)))(x));
    await expect(slope(f64(1))).rejects.toMatchObject({
      code: 'E_TRACE',
      message: expect.stringContaining(`${who} returned ${what}, expected a list of tensors`),
    });
  });
});

describe.skipIf(native.name !== 'native')('recompute', () => {
  const layers = 6;
  const block =
    (w: Tensor, random: RandomSource) =>
    (x: Tensor): readonly Tensor[] => {
      const h = gelu(matmul(x, w));
      return [add(x, dropout(tanh(matmul(h, w)), 0.2, random))];
    };
  type Wrap = (f: (x: Tensor) => readonly Tensor[]) => (x: Tensor) => readonly Tensor[];
  const plain: Wrap = (f) => f;
  const again: Wrap = (f) => (x) => recompute((y) => f(y!))(x);
  const twice: Wrap = (f) => (x) => recompute((y) => again(f)(y!))(x);
  const gradients = (wrap: Wrap) => (weights: readonly Tensor[], x: Tensor, random: RandomSource) =>
    valueAndGrad((ws: readonly Tensor[]) => {
      let y = x;
      for (const w of ws) y = wrap(block(w, random))(y)[0]!;
      return sum(mul(y, y));
    })(weights);
  const args = () => {
    const weights = Array.from({ length: layers }, (_, i) => waves('f32', i, 16, 16));
    return [weights, waves('f32', 9, 512, 16), { seed: scalar(1, 'i32'), step: scalar(2, 'i32') }] as const;
  };

  it.each([
    ['once', again],
    ['within itself', twice],
  ])('%s changes no bit of the gradients, with dropout inside', async (_, wrap) => {
    const [value, expected] = await compile(gradients(plain), { executor: native })(...args());
    const [same, got] = await compile(gradients(wrap), { executor: native })(...args());
    expect(same.item()).toBe(value.item());
    expected.forEach((w: HostArray, i: number) =>
      expect(Buffer.compare(asBytes(w.data), asBytes(got[i].data)), `layer ${i}`).toBe(0),
    );
  });

  it('takes less memory than keeping the values', () => {
    const arena = (wrap: Wrap): number => compile(gradients(wrap), { executor: native }).plan(...args()).arenaBytes;
    expect(arena(again)).toBeLessThan(0.6 * arena(plain));
  });

  it.each([
    ['a row program', (y: Tensor, w: Tensor): Tensor => add(matmul(y, w), 1)],
    ['a product', matmul],
  ])('keeps nothing of what it computes again from the result of %s', (_, from) => {
    const layer = (y: Tensor, w: Tensor): Tensor =>
      recompute((z) => [square(matmul(tanh(gelu(tanh(gelu(z!)))), w))])(from(y, w))[0]!;
    const f = compile(
      (weights: readonly Tensor[], x: Tensor) => grad((ws: readonly Tensor[]) => sum(ws.reduce(layer, x)))(weights),
      { executor: native },
    );
    const [weights, x] = args();
    // Of a layer there is the operand of the first product and what all else is computed again from.
    expect(f.plan(weights, x).arenaBytes).toBeLessThan((2 * layers + 6) * 4 * x.data.length);
  });

  describe('from inputs kept in bf16', () => {
    const half = (x: Tensor): Tensor => cast(cast(x, 'bf16'), 'f32');
    const bend = (x: Tensor): readonly Tensor[] => [tanh(mul(x, x))];
    const lean = (x: Tensor): Tensor => recompute((y) => bend(y!), { keep: 'bf16' })(x)[0]!;
    const whole = (x: Tensor): Tensor => bend(x)[0]!;

    it.each([reference, native])(
      'has the values of the inputs and the gradients of rounded ones ($name)',
      async (executor) => {
        const x = waves('f32', 3, 5, 7);
        const of = (f: (x: Tensor) => Tensor) => valueAndGrad((y: Tensor) => sum(f(y)));
        const f = compile((y: Tensor) => [of(lean)(y), of(whole)(y), of(whole)(half(y))], { executor });
        const [[value, gradient], [plainValue], [, ofRounded]] = await f(x);
        expect(value.item()).toBe(plainValue.item());
        expect([...gradient.data]).toEqual([...ofRounded.data]);
      },
    );

    it('does the same inside of a recomputation', async () => {
      const nested = (y: Tensor): Tensor => recompute((z) => [lean(tanh(z!))])(y)[0]!;
      const plain = (y: Tensor): Tensor => lean(tanh(y));
      const of = (f: (x: Tensor) => Tensor) => grad((y: Tensor) => sum(f(y)));
      const f = compile((y: Tensor) => [of(nested)(y), of(plain)(y)], { executor: native });
      const [got, expected] = await f(waves('f32', 3, 5, 7));
      expect([...got.data]).toEqual([...expected.data]);
    });

    it('takes half the memory', () => {
      const arena = (wrap: (y: Tensor) => Tensor): number =>
        compile(
          (weights: readonly Tensor[], x: Tensor) =>
            grad((ws: readonly Tensor[]) => sum(ws.reduce((y, w) => add(y, wrap(matmul(x, w))), x)))(weights),
          { executor: native },
        ).plan(...(args().slice(0, 2) as [HostArray[], HostArray])).arenaBytes;
      const again = (y: Tensor): Tensor => recompute((z) => bend(z!))(y)[0]!;
      expect(arena(lean)).toBeLessThan(0.75 * arena(again));
    });
  });

  it('copies conditional blocks with what is inside', async () => {
    const guarded = (x: Tensor): readonly Tensor[] => {
      const [factor] = unless(logicalNot(finite(sum(x))), [x], () => [tanh(stopGradient(x))]);
      return [mul(tanh(x), stopGradient(factor!))];
    };
    const loss =
      (wrap: Wrap) =>
      (x: Tensor): Tensor =>
        sum(wrap(guarded)(wrap(guarded)(x)[0]!)[0]!);
    const x = waves('f32', 3, 4, 5);
    const expected = await compile((y: Tensor) => grad(loss(plain))(y), { executor: reference })(x);
    const got = await compile((y: Tensor) => grad(loss(again))(y), { executor: native })(x);
    expected.data.forEach((value: number, i: number) => expect(got.data[i]).toBeCloseTo(value, 5));
  });
});
