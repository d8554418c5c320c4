import { describe, expect, it } from 'vitest';
import {
  add,
  broadcastTo,
  concat,
  exp,
  gather,
  iota,
  logicalNot,
  matmul,
  max,
  mul,
  neg,
  reshape,
  slice,
  sub,
  sum,
  type Tensor,
  tanh,
  transpose,
  unless,
  updateRows,
} from '../../tensor/index.js';
import { compile } from '../compile.js';
import { defaultExecutor } from '../default-executor.js';
import { type HostArray, hostArray, scalar } from '../host-array.js';
import { NativeExecutor } from '../native/executor.js';
import { ReferenceExecutor } from '../reference/executor.js';
import { State } from '../state.js';

const native = defaultExecutor() as NativeExecutor;
const reference = new ReferenceExecutor();

const ramp = (...shape: number[]): HostArray => {
  const count = shape.reduce((a, b) => a * b, 1);
  return hostArray(
    Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7) + i / 1000),
    shape,
  );
};
const bool = (value: boolean): HostArray => hostArray(Uint8Array.of(Number(value)), [], 'bool');

/** The function's only result, natively; it must agree with the reference. */
const agreed = async (
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly HostArray[],
  executor = native,
): Promise<HostArray> => {
  const result = (await compile(f, { executor })(...inputs)) as HostArray;
  const expected = (await compile(f, { executor: reference })(...inputs)) as HostArray;
  expect(result.shape).toEqual(expected.shape);
  result.data.forEach((x, i) => expect(Math.abs(x - expected.data[i]!), `element ${i}`).toBeLessThan(1e-4));
  return result;
};

/** The next value of a state's leaf `w`, natively; it must agree with the reference. */
const agreedStep = async (
  f: (w: Tensor, ...rest: Tensor[]) => Tensor,
  w: HostArray,
  ...rest: HostArray[]
): Promise<HostArray> => {
  const run = async (executor: typeof native | typeof reference): Promise<HostArray> => {
    const step = compile((state: { w: Tensor }, ...more: Tensor[]) => ({ state: { w: f(state.w, ...more) } }), {
      executor,
      donate: 'state',
    });
    return ((await step(State.create(executor, { w }), ...rest)).state as State).read('w');
  };
  const result = await run(native);
  const expected = await run(reference);
  result.data.forEach((x, i) => expect(Math.abs(x - expected.data[i]!), `element ${i}`).toBeLessThan(1e-4));
  return result;
};

describe('a donated leaf', () => {
  const w = ramp(6, 6);

  it.each<[string, (w: Tensor, x: Tensor) => Tensor]>([
    ['a product of itself', (w, x) => matmul(w, x)],
    ['a product with itself on the right', (w, x) => matmul(x, w)],
    ['its transpose', (w) => transpose(w)],
    ['its transpose, changed', (w) => add(transpose(w), 1)],
    ['its rows moved up', (w, x) => concat([slice(w, { axis: 0, start: 1 }), slice(x, { axis: 0, end: 1 })], 0)],
    ['its rows moved down', (w, x) => concat([slice(x, { axis: 0, end: 1 }), slice(w, { axis: 0, end: 5 })], 0)],
    ['its rows looked up', (w) => gather(w, neg(sub(iota(6), 5)))],
    ['itself less its last row', (w) => sub(w, slice(w, { axis: 0, start: 5 }))],
    ['itself less its greatest elements', (w) => sub(w, max(w, { axes: [1], keepDims: true }))],
    ['itself less its sum', (w) => sub(w, sum(w))],
  ])('can become %s', async (_, f) => {
    await agreedStep(f, w, ramp(6, 6));
  });

  it('is changed by updateRows where it lies', async () => {
    const cache = ramp(2, 4, 3);
    const write = (cache: Tensor, rows: Tensor, position: Tensor): Tensor => updateRows(cache, rows, position);
    const position = hostArray(Int32Array.of(1, 3));
    await agreedStep(write, cache, ramp(2, 2, 3), position);
    const step = compile(
      (state: { w: Tensor }, rows: Tensor, at: Tensor) => ({ state: { w: write(state.w, rows, at) } }),
      { donate: 'state' },
    );
    const plan = step.plan(State.create(native, { w: cache }), ramp(2, 2, 3), position);
    expect(plan.calls.map(({ kernel }) => kernel)).toEqual(['updateRows']);
    expect(plan.arenaBytes).toBe(0);
  });

  it('is changed where it lies also under another shape', async () => {
    const cache = ramp(3, 2, 4, 3);
    const write = (w: Tensor, rows: Tensor, at: Tensor): Tensor =>
      reshape(updateRows(reshape(w, [6, 4, 3]), rows, at), [3, 2, 4, 3]);
    const position = hostArray(Int32Array.of(1, 3, 0, 2, 1, 1));
    await agreedStep(write, cache, ramp(6, 2, 3), position);
    const step = compile(
      (state: { w: Tensor }, rows: Tensor, at: Tensor) => ({ state: { w: write(state.w, rows, at) } }),
      { donate: 'state' },
    );
    const plan = step.plan(State.create(native, { w: cache }), ramp(6, 2, 3), position);
    expect(plan.calls.map(({ kernel }) => kernel)).toEqual(['updateRows']);
    expect(plan.arenaBytes).toBe(0);
  });

  it('takes rows of its own', async () => {
    await agreedStep(
      (w, at) => updateRows(w, slice(w, { axis: 1, start: 0, end: 3 }), at),
      ramp(1, 5, 2),
      hostArray(Int32Array.of(1)),
    );
  });

  it('keeps its old value while a conditional block reads it', async () => {
    for (const skip of [true, false]) {
      await agreedStep(
        (w, skip, x) => unless(skip, [x], () => [add(mul(w, 2), matmul(w, w))])[0]!,
        w,
        bool(skip),
        ramp(6, 6),
      );
    }
  });

  it('is exchanged with another', async () => {
    const swap = compile((s: { a: Tensor; b: Tensor }) => ({ s: { a: s.b, b: transpose(s.a) } }), {
      donate: 's',
      executor: native,
    });
    const { s } = await swap(
      State.create(native, { a: ramp(2, 2), b: hostArray(Float32Array.of(1, 2, 3, 4), [2, 2]) }),
    );
    const [p, q, r, t] = ramp(2, 2).data;
    expect([...(s as State).read('a').data]).toEqual([1, 2, 3, 4]);
    expect([...(s as State).read('b').data]).toEqual([p, r, q, t]);
  });
});

describe('a value that a conditional block arranged', () => {
  it.each([true, false])('is arranged again for readers behind the block (skipped: %s)', async (skipped) => {
    const f = (x: Tensor, skip: Tensor): Tensor => {
      const turned = reshape(transpose(x), [20]);
      const [inside] = unless(skip, [mul(reshape(x, [20]), 0)], () => [exp(turned)]);
      return add(inside!, turned);
    };
    await agreed(f, [ramp(4, 5), bool(skipped)]);
  });

  it.each([true, false])(
    'is not taken for one made outside when the block opens another (skipped: %s)',
    async (skipped) => {
      const f = (x: Tensor, skip: Tensor): Tensor => {
        const turned = reshape(transpose(x), [20]);
        const [inside] = unless(skip, [reshape(x, [20])], () =>
          unless(logicalNot(skip), [turned], () => [exp(turned)]),
        );
        return add(inside!, turned);
      };
      await agreed(f, [ramp(4, 5), bool(skipped)]);
    },
  );
});

describe('a dense copy of a view', () => {
  it('is kept for its later readers', async () => {
    const f = (x: Tensor, w: Tensor): Tensor => {
      const turned = reshape(transpose(x), [20]);
      return add(reshape(matmul(reshape(exp(turned), [4, 5]), w), [20]), turned);
    };
    await agreed(f, [ramp(4, 5), ramp(5, 5)]);
  });
});

describe('a row program that grows', () => {
  it('takes in no program that looks at its values turned round, nor joins one whose values it looks at so', async () => {
    const turnedFirst = (y: Tensor): Tensor => sub(tanh(transpose(y)), exp(y));
    const turnedLast = (y: Tensor): Tensor => {
      const plain = exp(y);
      return sub(plain, tanh(transpose(y)));
    };
    for (const f of [turnedFirst, turnedLast]) await agreed((x) => f(mul(x, 2)), [ramp(6, 6)]);
  });
});

describe('a row program behind a product', () => {
  const [x, w] = [ramp(200, 24), ramp(24, 24)];

  it.each<[string, (c: Tensor, x: Tensor) => Tensor]>([
    ['its own rows', (c, x) => add(tanh(c), x)],
    ['the last row of the product', (c) => add(c, slice(c, { axis: 0, start: 199 }))],
    [
      'rows of the product shifted by one',
      (c) => add(c, concat([slice(c, { axis: 0, start: 1 }), slice(c, { axis: 0, end: 1 })], 0)),
    ],
    ['the product turned round', (c) => add(c, reshape(transpose(c), [200, 24]))],
  ])('may read %s', async (_, f) => {
    const single = await agreed((x, w) => f(matmul(x, w), x), [x, w], new NativeExecutor(native.addon, 1));
    const double = await agreed((x, w) => f(matmul(x, w), x), [x, w], new NativeExecutor(native.addon, 2));
    expect(single.data).toEqual(double.data);
  });
});

describe('a sum over rows', () => {
  it.each<[string, (x: Tensor, y: Tensor) => Tensor]>([
    ['one value per row, repeated', (_, y) => sum(broadcastTo(y, [40, 9]), { axes: [0] })],
    ['one value per row times each element', (x, y) => sum(mul(y, x), { axes: [0] })],
    ['one value per row times one per column', (x, y) => sum(mul(y, slice(x, { axis: 0, end: 1 })), { axes: [0] })],
    [
      'a product of values per row, repeated',
      (_, y) => sum(mul(broadcastTo(y, [40, 9]), broadcastTo(exp(y), [40, 9])), { axes: [0] }),
    ],
    ['what is left after a sum per row', (x) => sum(sub(x, sum(x, { axes: [1], keepDims: true })), { axes: [0] })],
  ])('takes %s', async (_, f) => {
    await agreed(f, [ramp(40, 9), ramp(40, 1)]);
  });

  it('of no rows is zero', async () => {
    const empty = hostArray(new Float32Array(0), [0, 3]);
    expect([...(await agreed((x) => sum(x, { axes: [0] }), [empty])).data]).toEqual([0, 0, 0]);
    expect((await agreed((x) => sum(x), [empty])).item()).toBe(0);
  });
});

describe('what the native core has no kernel for', () => {
  it('is refused with the way out', () => {
    const x = hostArray(new Float64Array(4), [2, 2]);
    const f = compile((x: Tensor) => matmul(x, x), { executor: native });
    expect(() => f.plan(x)).toThrow(
      expect.objectContaining({ code: 'E_SHAPE', message: expect.stringMatching(/matmul.*f64.*cast/) }),
    );
  });

  it('is refused before a scalar of the wrong dtype is looked at', async () => {
    await expect(compile((x: Tensor) => add(x, 1), { executor: native })(scalar(3, 'i32'))).resolves.toBeDefined();
  });
});
