import { describe, expect, it } from 'vitest';
import { NonetError } from '../core/errors.js';
import {
  allGather,
  allReduceSum,
  allToAll,
  axisIndex,
  cast,
  matmul,
  mul,
  reduceScatterSum,
  reshape,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
} from '../tensor/index.js';
import { evaluateFunction } from '../tensor/ops/evaluate-graph.js';
import { valuesOf } from '../tensor/ops/test-support.js';
import { customGradient, recompute } from './custom.js';
import { grad } from './grad.js';
import { axisName, differenceOf, loss, overDevices, parts, total, valuesOfDevices } from './named-axes-test-support.js';
import { vmap } from './vmap.js';

describe.each([1, 2, 4])('an axis of %i devices', (devices) => {
  const xs = valuesOfDevices(devices);

  it('has, of what all share, the gradients of the uses on all devices', () => {
    const weight = valuesOf({ shape: [3, 3] }, 9);
    const [got, want] = evaluateFunction(
      (x, w) => [
        grad((v: Tensor) =>
          sum(overDevices((y: Tensor) => loss(allReduceSum(matmul(reshape(y, [-1, 3]), v), axisName), 1))(x!)),
        )(w!),
        grad((v: Tensor) => mul(loss(total(parts(x!).map((y) => matmul(reshape(y, [-1, 3]), v))), 1), devices))(w!),
      ],
      xs,
      weight,
    );
    expect(differenceOf(got!, want!)).toBeUndefined();
  });

  it('is known to backward passes of what all share', () => {
    const shared = valuesOf({ shape: [3] }, 13);
    const ways: ((w: Tensor) => Tensor)[] = [
      (w) => recompute((v) => [tanh(allReduceSum(mul(v!, v!), axisName))])(w)[0]!,
      (w) =>
        customGradient(
          (v) => [mul(v!, 2)],
          ({ cotangents: [dv] }) => [allReduceSum(dv!, axisName)],
        )(w)[0]!,
    ];
    const wanted: ((w: Tensor) => Tensor)[] = [
      (w) => mul(sum(square(tanh(mul(square(w), devices)))), devices),
      // Each of the devices gets the cotangents of all, and the weight those of all devices.
      (w) => mul(sum(square(mul(w, 2))), (devices * devices) / 2),
    ];
    ways.forEach((way, i) => {
      const f = (w: Tensor, x: Tensor) => sum(overDevices((_: Tensor) => sum(square(way(w))))(x));
      const [got, want] = evaluateFunction(
        (x, w) => [grad((v: Tensor) => f(v, x!))(w!), grad(wanted[i]!)(w!)],
        xs,
        shared,
      );
      expect(differenceOf(got!, want!)).toBeUndefined();
    });
  });

  it('gives a sum that is the same for all, as outAxes may say', () => {
    const [got, want] = evaluateFunction(
      (x) => [overDevices((y: Tensor) => allReduceSum(y, axisName), { outAxes: null })(x!), total(parts(x!))],
      xs,
    );
    expect(differenceOf(got!, want!)).toBeUndefined();
  });

  it('is told from another one, also of its name', () => {
    const pair = valuesOf({ shape: [devices, 3, 2] }, 11);
    const [outer, inner, both] = evaluateFunction((x) => {
      const f = (name: string) =>
        overDevices(vmap((y: Tensor) => sub(allReduceSum(y, name), y), { axisName: 'rows' }))(x!);
      const shadowed = overDevices(vmap((y: Tensor) => allReduceSum(y, axisName), { axisName }))(x!);
      return [f(axisName), f('rows'), shadowed];
    }, pair);
    const at = (i: number, j: number, k: number): number => pair.data[(i * 3 + j) * 2 + k]!;
    const each = (value: (i: number, j: number, k: number) => number) =>
      Float64Array.from({ length: pair.data.length }, (_, n) => value(Math.floor(n / 6), Math.floor(n / 2) % 3, n % 2));
    const upTo = (n: number, term: (i: number) => number) =>
      Array.from({ length: n }, (_, i) => term(i)).reduce((a, b) => a + b);
    expect(
      differenceOf(outer!, { ...pair, data: each((i, j, k) => upTo(devices, (d) => at(d, j, k)) - at(i, j, k)) }),
    ).toBeUndefined();
    expect(
      differenceOf(inner!, { ...pair, data: each((i, j, k) => upTo(3, (r) => at(i, r, k)) - at(i, j, k)) }),
    ).toBeUndefined();
    expect(differenceOf(both!, { ...pair, data: each((i, _, k) => upTo(3, (r) => at(i, r, k))) })).toBeUndefined();
  });

  it('needs no argument where the number of devices is told', () => {
    const [got] = evaluateFunction(() => [vmap(() => axisIndex(axisName), { axisName, axisSize: devices })()]);
    expect([...got!.data]).toEqual(Array.from({ length: devices }, (_, i) => i));
  });
});

describe('collectives that are wrong', () => {
  const fails = (f: (x: Tensor) => Tensor, code: string, words: RegExp): void => {
    const x = valuesOf({ shape: [2, 4, 3] }, 1);
    let error: unknown;
    try {
      evaluateFunction((y) => [f(y!)], x);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(NonetError);
    expect((error as NonetError).code).toBe(code);
    expect((error as NonetError).message).toMatch(words);
  };
  const mapped = (f: (x: Tensor) => Tensor) => vmap(f, { axisName });

  it('name an axis that is not there', () => {
    fails((x) => allReduceSum(x, 'devices'), 'E_TRACE', /no axis is named devices, there is none/);
    fails(
      mapped((x) => allReduceSum(x, 'rows')),
      'E_TRACE',
      /no axis is named rows, there is devices/,
    );
    fails(
      vmap((x: Tensor) => allReduceSum(x, axisName)),
      'E_TRACE',
      /axisName: 'devices'/,
    );
  });

  it('split an axis that has not a part for each device', () => {
    const toAll = (tiled: boolean) => (x: Tensor) => allToAll(x, { axisName, splitAxis: 1, concatAxis: 0, tiled });
    fails(mapped(toAll(false)), 'E_SHAPE', /axis 1 must be 2/);
    fails(mapped(toAll(true)), 'E_SHAPE', /axis 1 must be a multiple of 2/);
    fails(
      mapped((x) => reduceScatterSum(x, { axisName })),
      'E_SHAPE',
      /axis 0 must be 2/,
    );
  });

  it('name an axis that the operand has not, or a dtype that is not added', () => {
    fails(
      mapped((x) => allGather(x, { axisName, axis: 3 })),
      'E_SHAPE',
      /axis 3 must be from -3 to 2/,
    );
    fails(
      mapped((x) => allReduceSum(cast(x, 'bf16'), axisName)),
      'E_SHAPE',
      /cast\(\) it/,
    );
  });

  it('are told another number of devices than there are', () => {
    fails(
      vmap((x: Tensor) => x, { axisSize: 3 }),
      'E_SHAPE',
      /axisSize 3/,
    );
    fails((x) => vmap(() => x, { axisSize: 0.5 })(), 'E_SHAPE', /1 or more/);
  });
});
