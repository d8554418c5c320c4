import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { type HostArray, hostArray, scalar } from '../compile/host-array.js';
import { ReferenceExecutor } from '../compile/reference/executor.js';
import { dropout, gelu, matmul, mul, type RandomSource, sum, type Tensor, tanh } from '../tensor/index.js';
import { recompute } from './custom.js';
import { valueAndGrad } from './grad.js';
import { couple, reversible, uncouple } from './reversible.js';

const reference = new ReferenceExecutor();
const native = defaultExecutor();

const waves = (type: 'f32' | 'f64', seed: number, ...shape: number[]): HostArray => {
  const data = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.37 + seed));
  return hostArray(type === 'f32' ? Float32Array.from(data) : data, shape);
};

type Weights = readonly { readonly f: Tensor; readonly g: Tensor }[];

const network =
  (isReversible: boolean) =>
  (weights: Weights, x: Tensor): Tensor => {
    let [a, b]: readonly Tensor[] = [x, mul(x, 0.5)];
    for (const { f, g } of weights) {
      const branches = [(y: Tensor) => gelu(matmul(y, f)), (y: Tensor) => tanh(matmul(y, g))] as const;
      [a, b] = (isReversible ? reversible : couple)(...branches, [a!, b!]);
    }
    return sum(mul(a!, b!));
  };

describe('a reversible network', () => {
  const weightsOf = (type: 'f32' | 'f64', layers: number, width: number): { f: HostArray; g: HostArray }[] =>
    Array.from({ length: layers }, (_, i) => {
      const w = (seed: number): HostArray => {
        const { data, shape } = waves(type, seed, width, width);
        return hostArray(
          data.map((x) => x / width),
          shape,
        );
      };
      return { f: w(i), g: w(i + 100) };
    });
  const gradients = (isReversible: boolean) => (weights: Weights, x: Tensor) =>
    valueAndGrad(network(isReversible))(weights, x);

  it('has the gradients of the plain one', async () => {
    const args = [weightsOf('f64', 4, 5), waves('f64', 7, 3, 5)] as const;
    const [value, plain] = await compile(gradients(false), { executor: reference })(...args);
    const [again, rebuilt] = await compile(gradients(true), { executor: reference })(...args);
    expect(again.item()).toBe(value.item());
    args[0].forEach((_, i) => {
      for (const name of ['f', 'g'] as const) {
        plain[i][name].data.forEach((x: number, k: number) =>
          expect(Math.abs(rebuilt[i][name].data[k] - x)).toBeLessThan(1e-9),
        );
      }
    });
  });

  it.skipIf(native.name !== 'native')('takes activation memory that does not grow with its depth', () => {
    const arena = (isReversible: boolean, layers: number): number =>
      compile(gradients(isReversible), { executor: native }).plan(
        weightsOf('f32', layers, 16),
        waves('f32', 7, 2048, 16),
      ).arenaBytes;
    expect(arena(true, 16)).toBeLessThan(1.15 * arena(true, 4));
    expect(arena(false, 16)).toBeGreaterThan(2.5 * arena(false, 4));
  });
});

describe('couplings', () => {
  it('are undone by uncouple', async () => {
    const f = (y: Tensor): Tensor => mul(tanh(y), 0.3);
    const g = (y: Tensor): Tensor => mul(gelu(y), 0.7);
    const there = compile((x1: Tensor, x2: Tensor) => uncouple(f, g, couple(f, g, [x1, x2])), { executor: reference });
    const [a, b] = [waves('f64', 1, 4, 3), waves('f64', 2, 4, 3)];
    const [x1, x2] = await there(a, b);
    x1.data.forEach((x: number, i: number) => expect(x).toBeCloseTo(a.data[i]!, 12));
    x2.data.forEach((x: number, i: number) => expect(x).toBeCloseTo(b.data[i]!, 12));
  });

  it.each(['alone', 'within recompute'])('draw the same random numbers in the backward pass (%s)', async (how) => {
    const loss =
      (join: typeof couple) =>
      ({ w, x }: { w: Tensor; x: Tensor }, random: RandomSource): Tensor => {
        const f = (y: Tensor): Tensor => dropout(tanh(matmul(y, w)), 0.5, random);
        const run = (y: Tensor): readonly Tensor[] => join(f, f, join(f, f, [y, mul(y, 0.5)]));
        const [a, b] = how === 'alone' ? run(x) : recompute((y) => run(y!))(x);
        return sum(mul(a!, b!));
      };
    const args = [
      { w: waves('f64', 3, 5, 5), x: waves('f64', 4, 6, 5) },
      { seed: scalar(1, 'i32'), step: scalar(0, 'i32') },
    ] as const;
    const gradientsOf = async (join: typeof couple) =>
      (
        await compile((v: { w: Tensor; x: Tensor }, r: RandomSource) => valueAndGrad(loss(join))(v, r), {
          executor: reference,
        })(...args)
      )[1];
    const [plain, rebuilt] = [await gradientsOf(couple), await gradientsOf(reversible)];
    for (const name of ['w', 'x'] as const) {
      plain[name].data.forEach((x: number, i: number) => expect(rebuilt[name].data[i]).toBeCloseTo(x, 9));
    }
  });
});
