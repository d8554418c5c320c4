import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { type HostArray, hostArray, scalar } from '../compile/host-array.js';
import { ReferenceExecutor } from '../compile/reference/executor.js';
import { add, exp, gelu, matmul, mul, sin, softmax, sum, type Tensor, tanh } from '../tensor/index.js';
import { grad, valueAndGrad } from './grad.js';

const reference = new ReferenceExecutor();
const executors = [reference, defaultExecutor()];
const f64 = (...data: number[]): HostArray => hostArray(Float64Array.from(data));

describe.each(executors)('grad ($name)', (executor) => {
  it('nests: derivatives of x^3 and sin x', async () => {
    const cube = (x: Tensor): Tensor => sum(mul(x, mul(x, x)));
    const once =
      (f: (x: Tensor) => Tensor) =>
      (x: Tensor): Tensor =>
        sum(grad(f)(x));
    const f = compile(
      (x: Tensor) => [grad(once(cube))(x), grad(once(once(cube)))(x), grad(once(once((y) => sum(sin(y)))))(x)],
      { executor },
    );
    const [second, third, sine] = await f(f64(1, -2, 0.5));
    expect([...second.data]).toEqual([6, -12, 3]);
    expect([...third.data]).toEqual([6, 6, 6]);
    [1, -2, 0.5].forEach((x, i) => expect(sine.data[i]).toBeCloseTo(-Math.cos(x), 6));
  });

  it('gives a tree of the same form, zeros where nothing flows and for integers', async () => {
    const f = compile(
      (tree: { a: Tensor; b: [Tensor, Tensor] }) =>
        grad((t: { a: Tensor; b: [Tensor, Tensor] }) => sum(mul(t.a, t.a)))(tree),
      { executor },
    );
    const result = await f({ a: f64(3), b: [f64(1, 2), hostArray(Int32Array.of(7))] });
    expect([...result.a.data]).toEqual([6]);
    expect([...result.b[0].data]).toEqual([0, 0]);
    expect([...result.b[1].data]).toEqual([0]);
  });

  it('takes captured values as constants, the argument itself among them', async () => {
    const f = compile((x: Tensor) => grad((y: Tensor) => sum(mul(x, y)))(x), { executor });
    expect([...(await f(f64(2, 3))).data]).toEqual([2, 3]);
  });

  it('hands over what else the function returns', async () => {
    const f = compile(
      (x: Tensor) => {
        const [[loss, seen], gradient] = valueAndGrad((y: Tensor) => [sum(exp(y)), mul(y, 2)] as const, {
          auxiliary: true,
        })(x);
        return { loss, seen, gradient };
      },
      { executor },
    );
    const { loss, seen, gradient } = await f(f64(0, 0));
    expect([loss.item(), [...seen.data], [...gradient.data]]).toEqual([2, [0, 0], [1, 1]]);
  });
});

// `valueAndGrad` with `auxiliary` has an options argument in its signature; see the overloads.

describe('the gradient of a gradient', () => {
  it('is that of central differences for a small network', async () => {
    const energy = (x: Tensor, w: Tensor): Tensor => {
      const h = gelu(matmul(tanh(x), w));
      return sum(mul(softmax(matmul(h, w)), add(h, x)));
    };
    const slope = (x: Tensor, w: Tensor): Tensor => {
      const gradient = grad((y: Tensor) => energy(y, w))(x);
      return sum(mul(gradient, gradient));
    };
    const value = compile(slope, { executor: reference });
    const gradient = compile((x: Tensor, w: Tensor) => grad((y: Tensor) => slope(y, w))(x), { executor: reference });
    const x = hostArray(
      Float64Array.from({ length: 6 }, (_, i) => Math.sin(i * 1.3)),
      [2, 3],
    );
    const w = hostArray(
      Float64Array.from({ length: 9 }, (_, i) => Math.cos(i * 0.7)),
      [3, 3],
    );
    const got = (await gradient(x, w)) as HostArray;
    for (let i = 0; i < 6; i++) {
      const moved = async (by: number): Promise<number> => {
        const data = Float64Array.from(x.data);
        data[i]! += by;
        return (await value(hostArray(data, [2, 3]), w)).item();
      };
      const difference = ((await moved(1e-4)) - (await moved(-1e-4))) / 2e-4;
      expect(got.data[i]).toBeCloseTo(difference, 6);
    }
  });
});

describe('a function that grad cannot take', () => {
  it.each<[string, (x: Tensor) => Tensor]>([['returns more than a scalar', (x) => mul(x, 2)]])(
    '%s: says so while tracing',
    async (_, f) => {
      await expect(compile((x: Tensor) => grad(f)(x))(f64(1, 2))).rejects.toMatchObject({ code: 'E_SHAPE' });
    },
  );

  it('returns an integer: says so', async () => {
    await expect(compile((x: Tensor) => grad((y: Tensor) => y)(x))(scalar(1, 'i32'))).rejects.toMatchObject({
      code: 'E_SHAPE',
    });
  });
});
