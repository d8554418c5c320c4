import { describe, expect, it } from 'vitest';
import { compile } from '../src/compile/compile.js';
import { HostArray, hostArray, scalar } from '../src/compile/host-array.js';
import { NativeExecutor } from '../src/compile/native/executor.js';
import { State } from '../src/compile/state.js';
import {
  add,
  exp,
  finite,
  gelu,
  guard,
  logicalNot,
  matmul,
  mean,
  mul,
  reshape,
  slice,
  softmax,
  sub,
  sum,
  type Tensor,
  tanh,
  transpose,
  unless,
  updateRows,
  withExtent,
} from '../src/tensor/index.js';
import { valueAndGrad } from '../src/transform/index.js';
import {
  drawBy,
  expectClose,
  expectConforms,
  expectSameBits,
  native,
  poisoned,
  reference,
  values,
} from './engine-support.js';

const floats = (seed: number, ...shape: number[]): HostArray => values(drawBy(seed), shape, 'f32', [-1, 1]);
const bool = (value: boolean): HostArray => hostArray(Uint8Array.of(Number(value)), [], 'bool');

describe('an extent', () => {
  const [x, w, b] = [floats(1, 40, 6), floats(2, 6, 6), floats(3, 6)];
  const layer = (x: Tensor, w: Tensor, b: Tensor): Tensor => {
    const h = gelu(add(matmul(x, w), b));
    const perRow = mean(h, { axes: [1] }); // [rows]
    const scaled = mul(softmax(h), reshape(tanh(perRow), [h.shape[0]!, 1]));
    return add(matmul(scaled, transpose(w)), x);
  };

  it.each([0, 1, 7, 33, 40, 99])('leaves the live rows as they are without it (%i of 40)', async (live) => {
    const bounded = (x: Tensor, w: Tensor, b: Tensor, n: Tensor): Tensor => withExtent(n, () => layer(x, w, b));
    const whole = (await compile(layer, { executor: native })(x, w, b)) as HostArray;
    for (const options of [{}, { optimize: false }, { reuse: false }]) {
      const result = (await compile(bounded, { executor: native, ...options })(
        x,
        w,
        b,
        scalar(live, 'i32'),
      )) as HostArray;
      const count = Math.min(live, 40) * 6;
      expect(result.data.subarray(0, count)).toEqual(whole.data.subarray(0, count));
    }
  });

  it.each([0, 1, 7, 33, 40])('lets gradients of a sum come from the live rows alone (%i of 40)', async (live) => {
    const loss = (x: Tensor, w: Tensor, b: Tensor): Tensor => sum(mul(layer(x, w, b), 0.1));
    const bounded = ([x, w, b]: Tensor[], n: Tensor): Tensor => withExtent(n, () => loss(x!, w!, b!));
    const f = (x: Tensor, w: Tensor, b: Tensor, n: Tensor) => {
      const [value, gradients] = valueAndGrad(bounded)([x, w, b], n);
      return [value, ...gradients];
    };
    const cut = (x: Tensor, w: Tensor, b: Tensor) => {
      const few = ([x, w, b]: Tensor[]): Tensor => loss(slice(x!, { axis: 0, end: live }), w!, b!);
      const [value, gradients] = valueAndGrad(few)([x, w, b]);
      return [value, ...gradients];
    };
    const expected = (await compile(cut, { executor: reference })(x, w, b)) as HostArray[];
    const args = [x, w, b, scalar(live, 'i32')];
    const plain = (await compile(f, { executor: native })(...args)) as HostArray[];
    expectClose(plain, expected, 1e-5);
    expectClose((await compile(f, { executor: reference })(...args)) as HostArray[], expected, 1e-6);
    expectSameBits(await poisoned(() => compile(f, { executor: native })(...args)), plain, 'with and without poison');
  });

  it('can be the length of a vector, and bounds no scalar', async () => {
    const f = (x: Tensor, n: Tensor) => withExtent(n, () => [exp(x), exp(sum(x)), add(sum(x), 1)]);
    const [vector, ...scalars] = (await compile(f, { executor: native })(
      floats(4, 20),
      scalar(0, 'i32'),
    )) as HostArray[];
    expect(vector!.shape).toEqual([20]);
    expect(scalars.map((value) => value.item())).toEqual([1, 1]);
  });
});

describe('unless', () => {
  it.each([
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ])('nests around products and row programs (outer %s, inner %s)', async (outer, inner) => {
    const f = (x: Tensor, w: Tensor, skipOuter: Tensor, skipInner: Tensor) => {
      const h = tanh(matmul(x, w));
      return unless(skipOuter, [h, mul(h, 2)], () => {
        const k = softmax(matmul(h, w));
        const [deep] = unless(skipInner, [k], () => [gelu(matmul(add(k, h), w))]);
        return [add(deep!, k), sub(deep!, mean(k))];
      });
    };
    await expectConforms(f, [floats(1, 40, 8), floats(2, 8, 8), bool(outer), bool(inner)]);
  });

  it('does not compute what it skips', async () => {
    const f = compile(
      (x: Tensor, skip: Tensor) =>
        unless(skip, [x], () => {
          let y = x;
          for (let i = 0; i < 60; i++) y = tanh(matmul(y, x));
          return [y];
        })[0]!,
      { executor: native },
    );
    const x = floats(1, 64, 64);
    // A call that was never made has no measurement at all: its entry is exactly 0, on any machine.
    const products = async (skip: boolean): Promise<number[]> =>
      (await f.profile(x, bool(skip))).calls.filter(({ kernel }) => kernel === 'gemm').map(({ seconds }) => seconds);
    expect(await products(true)).toEqual(Array(60).fill(0));
    expect((await products(false)).filter((seconds) => seconds === 0)).toEqual([]);
  });
});

describe.each([native, reference])('a guard ($name)', (executor) => {
  const step = compile(
    (s: { w: Tensor; cache: Tensor; n: Tensor }, x: Tensor) => {
      const w = mul(s.w, x);
      const cache = updateRows(s.cache, reshape(w, [1, 1, 2]), reshape(s.n, [1]));
      const n = add(s.n, 1);
      const [checked] = unless(finite(sum(x)), [w], () => [add(w, 1)]);
      guard(logicalNot(finite(sum(exp(checked!)))), 'too-large');
      return { s: { w, cache, n }, seen: sum(w) };
    },
    { donate: 's', executor },
  );
  const fresh = (): State =>
    State.create(executor, {
      w: hostArray(Float32Array.of(1, 2)),
      cache: hostArray(new Float32Array(8), [1, 4, 2]),
      n: scalar(0, 'i32'),
    });
  const contents = (state: State): number[][] => ['w', 'cache', 'n'].map((path) => [...state.read(path).data]);

  it('that ends a run leaves the whole state untouched, and the handle good', async () => {
    const state = fresh();
    const before = contents(state);
    await expect(step(state, scalar(1e4))).rejects.toMatchObject({
      code: 'E_GUARD',
      details: { guard: 'too-large', repetition: 0 },
    });
    expect(contents(state)).toEqual(before);
    await expect(step(state, scalar(2))).resolves.toBeDefined();
  });

  it('that ends a repetition keeps the repetitions before it', async () => {
    const state = fresh();
    const factors = hostArray(Float32Array.of(2, 3, 1e4, 2));
    const error = await step.repeat(4, state, factors).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'E_GUARD', details: { repetition: 2, returned: { seen: expect.anything() } } });
    expect(contents(state)).toEqual([[6, 12], [2, 4, 6, 12, 0, 0, 0, 0], [2]]);
  });

  it('that holds nothing lets repetitions carry the state, advance the inputs and stack the outputs', async () => {
    const { s, seen } = await step.repeat(3, fresh(), hostArray(Float32Array.of(2, 3, 0.5)));
    expect(contents(s)).toEqual([[3, 6], [2, 4, 6, 12, 3, 6, 0, 0], [3]]);
    expect([...seen.data]).toEqual([6, 18, 9]);
    expect(seen.shape).toEqual([3]);
  });
});

describe('programs that share a state', () => {
  const grow = compile((s: { w: Tensor }) => ({ s: { w: add(mul(s.w, 1.5), 1) } }), { donate: 's', executor: native });
  const read = compile((s: { w: Tensor }, x: Tensor) => ({ total: sum(add(s.w, x)) }), { executor: native });
  const busy = compile((x: Tensor) => matmul(matmul(x, x), x), { executor: native });
  const state = (): State => State.create(native, { w: hostArray(new Float32Array(1000).fill(1)) });

  it('see it in the order in which they are called', async () => {
    let current = state();
    const [other, big] = [state(), floats(5, 200, 200)];
    // Calls of `read` wait for one that is not about this state; the step must not overtake them.
    const waiting = [read(other, 0), busy(big), read(other, 1)];
    const before = read(current, 0);
    const step = grow(current);
    const totals = [(await before).total.item()];
    current = (await step).s;
    totals.push((await read(current, 0)).total.item());
    expect(totals).toEqual([1000, 2500]);
    await Promise.all(waiting);
  });

  it('give the same results at once as one after the other', async () => {
    const states = Array.from({ length: 4 }, state);
    const chains = states.map(async (first) => {
      let current = first;
      for (let i = 0; i < 5; i++) {
        const [{ s }] = await Promise.all([grow(current), busy(floats(i, 50, 50))]);
        current = s;
      }
      return (await read(current, 0)).total.item();
    });
    const totals = await Promise.all(chains);
    expect(new Set(totals).size).toBe(1);
  });
});

describe('a handle', () => {
  const { addon } = native;
  const types = { w: { shape: [1 << 20], dtype: 'f32' } } as const;

  it('that was given away is refused everywhere', async () => {
    const grow = compile((s: { w: Tensor }) => ({ s: { w: add(s.w, 1) } }), { donate: 's', executor: native });
    const state = State.create(native, types);
    const { s } = await grow(state);
    const refused = expect.objectContaining({ code: 'E_DONATED' });
    expect(() => state.read('w')).toThrow(refused);
    expect(() => state.write('w', new HostArray(new Float32Array(1 << 20), [1 << 20], 'f32'))).toThrow(refused);
    expect(() => state.free()).toThrow(refused);
    await expect(grow(state)).rejects.toThrow(refused);
    (s as State).free();
    expect(() => (s as State).read('w')).toThrow(refused);
  });

  it('that is donated cannot be another argument of the call as well, and stays good when that is refused', async () => {
    const swap = compile((a: { w: Tensor }, b: { w: Tensor }) => ({ a: { w: add(a.w, 1) }, b: { w: mul(a.w, b.w) } }), {
      donate: { a: 0, b: 1 },
      executor: native,
    });
    const read = compile((a: { w: Tensor }, b: { w: Tensor }) => ({ a: { w: add(a.w, 1) }, sum: sum(b.w) }), {
      donate: { a: 0 },
      executor: native,
    });
    const state = State.create(native, { w: hostArray(Float32Array.of(2, 3)) });
    for (const step of [swap, read]) await expect(step(state, state)).rejects.toMatchObject({ code: 'E_DONATED' });
    expect([...state.read('w').data]).toEqual([2, 3]);
  });

  it('that is freed gives its memory back at once, and a forgotten one in time', async () => {
    const before = addon.memory().current;
    State.create(native, types).free();
    expect(addon.memory().current).toBe(before);
    for (let i = 0; i < 50; i++) State.create(native, types);
    const held = addon.memory().current;
    // Finalizers run between turns of the event loop once V8 hears of the memory that handles hold.
    for (let i = 0; i < 200 && addon.memory().current >= held; i++) {
      State.create(native, { w: { shape: [1 << 18], dtype: 'f32' } });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(addon.memory().current).toBeLessThan(before + 250 * (1 << 20));
    expect(addon.memory().current).toBeLessThan(held + 200 * (1 << 20));
  });
});

describe('threads', () => {
  it('can be changed between calls without changing a bit', async () => {
    const executor = new NativeExecutor(addonOf(native), 1);
    const f = compile((x: Tensor, w: Tensor) => softmax(matmul(x, w)), { executor });
    const args = [floats(1, 130, 70), floats(2, 70, 90)];
    const one = await f(...args);
    executor.threads = 3;
    expectSameBits([await f(...args)], [one], '1 and 3 threads');
  });
});

const addonOf = ({ addon }: NativeExecutor): NativeExecutor['addon'] => addon;
