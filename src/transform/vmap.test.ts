import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { type HostArray, hostArray, scalar } from '../compile/host-array.js';
import { ReferenceExecutor } from '../compile/reference/executor.js';
import {
  add,
  apply,
  constant,
  defineOp,
  dropout,
  gather,
  guard,
  iota,
  less,
  logicalNot,
  matmul,
  mean,
  mul,
  softplus,
  sub,
  sum,
  type Tensor,
  tanh,
  unless,
  withExtent,
} from '../tensor/index.js';
import { recompute } from './custom.js';
import { grad } from './grad.js';
import { vmap } from './vmap.js';

const reference = new ReferenceExecutor();
const native = defaultExecutor();

const waves = (seed: number, ...shape: number[]): HostArray => {
  const count = shape.reduce((a, b) => a * b, 1);
  return hostArray(
    Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.37 + seed)),
    shape,
  );
};
const numbers = (...data: number[]): HostArray => hostArray(Float32Array.from(data));
const closeTo = (got: HostArray, expected: readonly number[]): void => {
  expect(got.data.length).toBe(expected.length);
  got.data.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4));
};

const withoutRule = defineOp({
  name: 'reverse',
  summary: '',
  operands: ['x'],
  kind: 'move',
  infer: (inputs) => inputs,
  evaluate: (inputs) => inputs,
});

describe.each([reference, native])('vmap ($name)', (executor) => {
  // biome-ignore lint/suspicious/noExplicitAny: tensors for arrays
  const run = (f: (...args: any[]) => object, ...args: (HostArray | object)[]) =>
    compile(f, { executor })(...(args as HostArray[]));

  it('stacks what a function of one example gives', async () => {
    const dot = (a: Tensor, b: Tensor): Tensor => sum(mul(a, b));
    const result = await run(
      vmap(dot),
      hostArray(Float32Array.of(1, 2, 3, 4), [2, 2]),
      hostArray(Float32Array.of(5, 6, 7, 8), [2, 2]),
    );
    expect([...result.data]).toEqual([17, 53]);
  });

  it('takes trees, axes from the end, shared arguments and captured values', async () => {
    const f = (p: { w: Tensor; b: readonly Tensor[] }, x: Tensor, factor: number): { y: Tensor; x: Tensor } => ({
      y: mul(add(matmul(x, p.w), p.b[0]!), factor),
      x,
    });
    const [w, b, x] = [waves(1, 3, 4, 2), waves(2, 4), waves(3, 5, 3)];
    const inAxes = [{ w: -1 }, null];
    const result = await run((p, y) => vmap(f, { inAxes, outAxes: { y: 1, x: null } })(p, y, 2), { w, b: [b] }, x);
    const alone = (i: number) =>
      run(
        (p, y) => f(p, y, 2).y,
        {
          w: hostArray(
            w.data.filter((_, at) => at % 2 === i),
            [3, 4],
          ),
          b: [b],
        },
        x,
      );
    const [first, second] = [await alone(0), await alone(1)];
    expect(result.y.shape).toEqual([5, 2, 4]);
    expect([...result.x.data]).toEqual([...x.data]);
    const rows = (one: HostArray, i: number): number[] => [...one.data.slice(4 * i, 4 * i + 4)];
    closeTo(result.y, Array.from({ length: 5 }, (_, i) => [...rows(first, i), ...rows(second, i)]).flat());
  });

  it('repeats results that do not depend on what is mapped', async () => {
    const f = vmap((_: Tensor) => ({ one: constant(3), two: iota(2) }), { outAxes: { one: 0, two: 1 } });
    const { one, two } = await run(f, numbers(0, 0, 0));
    expect([...one.data]).toEqual([3, 3, 3]);
    expect([two.shape, ...two.data]).toEqual([[2, 3], 0, 0, 0, 1, 1, 1]);
  });

  it('nests, over different axes', async () => {
    const outer = vmap((x: Tensor) => vmap((y: Tensor) => sub(x, y))(x));
    const differences = await run(outer, hostArray(Float32Array.of(1, 2, 5, 7), [2, 2]));
    expect(differences.shape).toEqual([2, 2, 2]);
    expect([...differences.data]).toEqual([0, 1, -1, 0, 0, 2, -2, 0]);

    const pairs = vmap((a: Tensor) => vmap((b: Tensor) => sum(mul(a, b)), { inAxes: 1 })(constant(2, [3, 4])));
    closeTo(await run(pairs, hostArray(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3])), [12, 12, 12, 12, 30, 30, 30, 30]);
  });

  it('gives each example the gather of its own table, and refuses rows of another', async () => {
    const f = compile(
      vmap((table: Tensor, index: Tensor) => gather(table, index)),
      { executor },
    );
    const tables = hostArray(
      Float32Array.from({ length: 12 }, (_, i) => i),
      [2, 3, 2],
    );
    const result = await f(tables, hostArray(Int32Array.of(2, 0), [2]));
    expect([...result.data]).toEqual([4, 5, 6, 7]);
    await expect(f(tables, hostArray(Int32Array.of(3, 0), [2]))).rejects.toMatchObject({ code: 'E_PROGRAM' });
  });

  it('draws a mask for each example, and the same one when it is computed again', async () => {
    const random = { seed: scalar(3, 'i32'), step: scalar(1, 'i32') };
    const loss = (x: Tensor, source: { seed: Tensor; step: Tensor }): Tensor =>
      sum(mul(tanh(dropout(x, 0.5, source)), x));
    const again = (x: Tensor, source: { seed: Tensor; step: Tensor }): Tensor =>
      recompute((y) => [loss(y!, source)])(x)[0]!;
    const gradients = (f: typeof loss) =>
      run((x, source) => vmap((y: Tensor) => grad((z: Tensor) => f(z, source))(y))(x), waves(1, 4, 16), random);
    const total = (f: typeof loss) =>
      run((x, source) => grad((y: Tensor) => sum(vmap((z: Tensor) => f(z, source))(y)))(x), waves(1, 4, 16), random);
    const [plain, recomputed] = [await gradients(loss), await gradients(again)];
    expect([...recomputed.data]).toEqual([...plain.data]);
    expect([...(await total(loss)).data]).toEqual([...(await total(again)).data]);
    const masks = await run(
      (x, source) => vmap((y: Tensor) => dropout(y, 0.5, source))(x),
      hostArray(new Float32Array(64).fill(1), [2, 32]),
      random,
    );
    expect([...masks.data.slice(0, 32)]).not.toEqual([...masks.data.slice(32)]);
  });
});

describe.each([reference, native])('control under vmap ($name)', (executor) => {
  it('ends the run when the guard of any example says so, and not for what only the pattern meets', async () => {
    const checked = (x: Tensor): Tensor => {
      guard(less(x, 0), 'negative');
      return softplus(x);
    };
    const f = compile(vmap(checked), { executor });
    expect((await f(numbers(1, 2, 3))).shape).toEqual([3]);
    await expect(f(numbers(1, 2, -3))).rejects.toMatchObject({ code: 'E_GUARD', details: { guard: 'negative' } });
    const twice = compile(
      vmap((x: Tensor) => recompute((y) => [vmap(checked)(y!)])(x)[0]!),
      { executor },
    );
    const rows = hostArray(Float32Array.of(1, 2, 3, -1), [2, 2]);
    await expect(twice(rows)).rejects.toMatchObject({ code: 'E_GUARD' });
    const again = compile((x: Tensor) => grad((y: Tensor) => sum(recompute((z) => [vmap(checked)(z!)])(y)[0]!))(x), {
      executor,
    });
    await expect(again(numbers(1, 2, -3))).rejects.toMatchObject({ code: 'E_GUARD' });
    if (executor.name !== 'native') return;
    const guards = again.plan(numbers(1, 2, 3)).calls.filter(({ kernel }) => kernel === 'guard');
    expect(guards.length).toBe(2); // that of the forward pass, and its copy
    for (const plan of [f.plan(numbers(1, 2, 3)), twice.plan(rows)]) {
      expect(plan.calls.filter(({ kernel }) => kernel === 'guard').length).toBe(1);
    }
  });

  it('jumps for all examples where they share the condition, and selects where each has its own', async () => {
    const body = (x: Tensor, skip: Tensor): Tensor => unless(skip, [x], () => [mul(tanh(x), 2)])[0]!;
    const twice = (x: number): number => 2 * Math.tanh(x);
    const flag = (...values: number[]): HostArray =>
      hostArray(Uint8Array.from(values), values.length === 1 ? [] : [values.length], 'bool');
    const shared = compile(vmap(body, { inAxes: [0, null] }), { executor });
    closeTo(await shared(numbers(1, 2), flag(0)), [twice(1), twice(2)]);
    closeTo(await shared(numbers(1, 2), flag(1)), [1, 2]);
    const own = compile(vmap(body), { executor });
    closeTo(await own(numbers(1, 2, 3), flag(0, 1, 0)), [twice(1), 2, twice(3)]);
  });

  it('takes blocks in blocks', async () => {
    const f = (x: Tensor, skip: Tensor): Tensor =>
      unless(skip, [x], () => unless(logicalNot(less(x, 2)), [mul(x, 10)], () => [mul(x, 3)]))[0]!;
    const mapped = compile(vmap(f, { inAxes: [0, null] }), { executor });
    const flag = (value: number): HostArray => hostArray(Uint8Array.of(value), [], 'bool');
    expect([...(await mapped(numbers(1, 2), flag(0))).data]).toEqual([3, 20]);
    expect([...(await mapped(numbers(1, 2), flag(1))).data]).toEqual([1, 2]);
  });
});

describe('a mapped program', () => {
  const layer = (x: Tensor, skip: Tensor): Tensor => {
    guard(less(100, sum(x)), 'large');
    const [y] = unless(skip, [x], () => [tanh(x)]);
    return sum(recompute((z) => [mul(tanh(z!), z!)])(y!)[0]!);
  };

  it.skipIf(native.name !== 'native')('gives the same bits with passes on and off', async () => {
    const flag = hostArray(Uint8Array.of(0), [], 'bool');
    const [on, off] = [true, false].map((optimize) =>
      compile(vmap(layer, { inAxes: [1, null] }), { executor: native, optimize }),
    );
    expect([...(await on!(waves(1, 5, 3), flag)).data]).toEqual([...(await off!(waves(1, 5, 3), flag)).data]);
  });
});

describe('vmap refuses', () => {
  const refused: [what: string, f: (x: Tensor) => object, code: string, message: string][] = [
    ['an axis that is not there', (x) => vmap(tanh, { inAxes: 2 })(x), 'E_SHAPE', 'inAxes names axis 2 of f32[2, 3]'],
    ['a result axis that is not there', (x) => vmap(tanh, { outAxes: 2 })(x), 'E_SHAPE', 'outAxes names axis 2'],
    ['different numbers of examples', (x) => vmap(add, { inAxes: [0, 1] })(x, x), 'E_SHAPE', 'one number of examples'],
    ['nothing mapped', (x) => vmap(tanh, { inAxes: [null] })(x), 'E_SHAPE', 'none that is mapped'],
    ['a tree of axes for a tensor', (x) => vmap(tanh, { inAxes: [[0]] })(x), 'E_SHAPE', 'has a tree'],
    ['a mapped result said to be shared', (x) => vmap(tanh, { outAxes: null })(x), 'E_TRACE', 'it is not'],
    [
      'extents inside',
      (x) => vmap((y: Tensor) => withExtent(constant(1, [], 'i32'), () => tanh(y)))(x),
      'E_TRACE',
      'withExtent',
    ],
    ['extents around it', (x) => withExtent(constant(1, [], 'i32'), () => vmap(tanh)(x)), 'E_TRACE', 'withExtent'],
    ['an op without a rule', (x) => vmap((y: Tensor) => apply(withoutRule, [y], {})[0]!)(x), 'E_TRACE', 'reverse'],
    [
      'a guard that only some examples reach',
      (x) =>
        vmap((y: Tensor) => {
          const one = mean(y);
          return unless(less(one, 0), [one], () => {
            guard(less(one, 1), 'x');
            return [one];
          })[0]!;
        })(x),
      'E_TRACE',
      'a guard in the body of an `unless`',
    ],
  ];

  it.each(refused)('%s', (_, f, code, message) => {
    expect(() => compile(f, { executor: reference }).plan(waves(1, 2, 3))).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });
});
