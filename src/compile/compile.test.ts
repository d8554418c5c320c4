import { describe, expect, it } from 'vitest';
import {
  add,
  exp,
  finite,
  gelu,
  guard,
  logicalNot,
  matmul,
  mul,
  sub,
  sum,
  type Tensor,
  unless,
} from '../tensor/index.js';
import { grad, valueAndGrad } from '../transform/index.js';
import { compile } from './compile.js';
import { defaultExecutor } from './default-executor.js';
import { boundedArray, hostArray, scalar } from './host-array.js';
import { ReferenceExecutor } from './reference/executor.js';
import { State } from './state.js';

const executors = [new ReferenceExecutor(), defaultExecutor()];

describe.each(executors.map((executor) => ({ name: executor.name, executor })))(
  'compiled functions ($name)',
  ({ executor }) => {
    it('return arrays in the form of the function result', async () => {
      const f = compile((x: Tensor, y: Tensor) => ({ sum: add(x, y), both: [mul(x, y), sub(x, 1)] }), { executor });
      const result = await f(hostArray(Float32Array.of(1, 2, 3)), hostArray(Float32Array.of(10, 20, 30)));
      expect([...result.sum.data]).toEqual([11, 22, 33]);
      expect([...result.both[0].data]).toEqual([10, 40, 90]);
      expect([...result.both[1].data]).toEqual([0, 1, 2]);
    });

    it('differentiate', async () => {
      const f = compile((x: Tensor) => grad((x: Tensor) => sum(mul(x, mul(x, x))))(x), { executor });
      const result = await f(hostArray(Float32Array.of(1, 2, 3)));
      expect([...result.data]).toEqual([3, 12, 27]);
    });

    it('take the beginning of an array whose shape is a bound, and zeros for the rest', async () => {
      const f = compile((x: Tensor) => add(x, 1), { executor });
      for (const count of [3, 0, 2, 3]) {
        const x = boundedArray(Float32Array.of(10, 20, 30).subarray(0, count), [3]);
        expect([...(await f(x)).data]).toEqual([11, 21, 31].map((y, i) => (i < count ? y : 1)));
      }
      expect(() => boundedArray(new Float32Array(4), [3])).toThrow(expect.objectContaining({ code: 'E_SHAPE' }));
      const short = boundedArray(new Float32Array(2), [2, 3]);
      await expect(f.repeat(2, short)).rejects.toMatchObject({ code: 'E_SHAPE' });
    });

    it('carry a donated state and refuse the used-up handle', async () => {
      const step = compile(
        (state: { w: Tensor; n: Tensor }, x: Tensor) => {
          const [loss, g] = valueAndGrad((w: Tensor) => sum(mul(sub(w, x), sub(w, x))))(state.w);
          return { state: { w: sub(state.w, mul(g, 0.25)), n: add(state.n, 1) }, loss };
        },
        { donate: 'state', executor },
      );
      const first = State.create(executor, { w: hostArray(Float32Array.of(0, 0)), n: scalar(0, 'i32') });
      const { state, loss } = await step(first, hostArray(Float32Array.of(2, 4)));
      expect(loss.item()).toBe(20);
      expect([...state.read('w').data]).toEqual([1, 2]);
      expect(state.read('n').item()).toBe(1);
      expect(() => first.read('w')).toThrow(expect.objectContaining({ code: 'E_DONATED' }));
      const again = await step.repeat(2, state, hostArray(Float32Array.of(1, 2, 1, 2), [2, 2]));
      expect([...again.loss.data]).toEqual([0, 0]);
      expect(again.state.read('n').item()).toBe(3);
    });

    it('end at a guard and leave the state as it was', async () => {
      const step = compile(
        (state: { w: Tensor }, x: Tensor) => {
          const y = exp(mul(state.w, x));
          guard(logicalNot(finite(sum(y))), 'not-finite');
          return { state: { w: y }, y };
        },
        { donate: 'state', executor },
      );
      const state = State.create(executor, { w: hostArray(Float32Array.of(1, 2)) });
      await expect(step(state, scalar(1e4))).rejects.toMatchObject({
        code: 'E_GUARD',
        details: { guard: 'not-finite' },
      });
      expect([...state.read('w').data]).toEqual([1, 2]);
    });

    it('skip the body of unless()', async () => {
      const f = compile((x: Tensor, skip: Tensor) => unless(skip, [mul(x, 0)], () => [add(exp(x), matmul(x, x))])[0]!, {
        executor,
      });
      const x = hostArray(Float32Array.of(0, 1, 0, 0), [2, 2]);
      const skip = (value: number) => hostArray(Uint8Array.of(value), [], 'bool');
      expect([...(await f(x, skip(1))).data]).toEqual([0, 0, 0, 0]);
      const values: number[] = [...(await f(x, skip(0))).data];
      [1, Math.E, 1, 1].forEach((expected, i) => expect(values[i]).toBeCloseTo(expected, 5));
    });

    it('name the op that first gives NaN', async () => {
      const f = compile((x: Tensor) => gelu(mul(exp(x), 0)), { executor });
      expect(await f.findNotFinite(scalar(1000))).toMatchObject({ op: 'exp' });
    });
  },
);
