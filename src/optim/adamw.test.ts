import { describe, expect, it } from 'vitest';
import type { HostArray } from '../compile/host-array.js';
import { Linear, Parameter } from '../nn/index.js';
import { f32, i32, randomArray, run } from '../nn/test-support.js';
import { type AdamWOptions, type AdamWTrees, adamW } from './adamw.js';
import { parameterRules } from './parameter-rules.js';

interface Values {
  parameter: number[];
  first: number[];
  second: number[];
}

/** The paper's algorithm 2 with PyTorch's reading of the decay, in plain float64. */
const reference = (values: Values, gradient: readonly number[], t: number, lr: number, decay: number): Values => {
  const [beta1, beta2, epsilon] = [0.9, 0.99, 1e-8];
  const first = values.first.map((m, i) => beta1 * m + (1 - beta1) * gradient[i]!);
  const second = values.second.map((v, i) => beta2 * v + (1 - beta2) * gradient[i]! ** 2);
  const parameter = values.parameter.map((p, i) => {
    const unbiased = { m: first[i]! / (1 - beta1 ** t), v: second[i]! / (1 - beta2 ** t) };
    return p - lr * decay * p - (lr * unbiased.m) / (Math.sqrt(unbiased.v) + epsilon);
  });
  return { parameter, first, second };
};

type Settings = Omit<AdamWOptions, 'learningRate' | 'step'>;

const update = (
  trees: Record<keyof AdamWTrees, Record<string, HostArray>>,
  step: number,
  lr: number,
  settings: Settings,
) =>
  run(
    (t: AdamWTrees, learningRate, count) => ({ ...adamW(t, { learningRate, step: count, ...settings }) }),
    { ...trees },
    lr,
    i32([step], []),
  );

describe('adamW', () => {
  it('follows the plain float64 algorithm for ten steps, decay on matrices only', async () => {
    const start = { matrix: randomArray([2, 3], 1), vector: randomArray([3], 2) };
    const zeros = { matrix: f32(new Array<number>(6).fill(0), [2, 3]), vector: f32([0, 0, 0]) };
    let state = { parameters: start, first: zeros, second: zeros };
    const plain = new Map<'matrix' | 'vector', Values>(
      (['matrix', 'vector'] as const).map((name) => [
        name,
        { parameter: [...start[name].data], first: [...zeros[name].data], second: [...zeros[name].data] },
      ]),
    );
    for (let step = 1; step <= 10; step++) {
      const lr = 0.01 * step;
      const gradients = { matrix: randomArray([2, 3], 10 + step), vector: randomArray([3], 30 + step, 1e-4) };
      state = await update({ ...state, gradients }, step, lr, { betas: [0.9, 0.99], weightDecay: 0.1 });
      for (const [name, values] of plain) {
        const decay = name === 'matrix' ? 0.1 : 0;
        const next = reference(values, [...gradients[name].data], step, lr, decay);
        plain.set(name, next);
        next.parameter.forEach((p, i) => {
          expect(state.parameters[name].data[i]).toBeCloseTo(p, 5);
        });
        next.second.forEach((v, i) => {
          expect(state.second[name].data[i]! / v).toBeCloseTo(1, 4);
        });
      }
    }
  });

  it('moves by the learning rate in the first step, whatever the size of the gradient', async () => {
    const zero = { a: f32([0, 0]) };
    const gradients = { a: f32([1e-3, -1e3]) };
    const { parameters } = await update({ parameters: zero, gradients, first: zero, second: zero }, 1, 0.5, {});
    expect(parameters.a.data[0]).toBeCloseTo(-0.5, 4);
    expect(parameters.a.data[1]).toBeCloseTo(0.5, 4);
  });

  it('asks the parameters for decay and learning rate scale', async () => {
    const module = {
      linear: new Linear({ inputs: 1, outputs: 1 }),
      slow: new Parameter([1], { learningRateScale: 0.1, weightDecay: true }),
    };
    const rules = parameterRules(module);
    expect(['linear.weight', 'linear.bias', 'slow'].map(rules.decayMask)).toEqual([true, false, true]);
    const ones = { slow: f32([1]) };
    const zeros = { slow: f32([0]) };
    const trees = { parameters: ones, gradients: zeros, first: zeros, second: zeros };
    const { parameters } = await update(trees, 1, 0.5, { weightDecay: 0.2, ...rules });
    expect(parameters.slow.data[0]).toBeCloseTo(1 - 0.5 * 0.1 * 0.2, 6);
  });

  it('takes a factor of the learning rate for each index of the first axis', async () => {
    const rules = parameterRules({ taps: new Parameter([2, 1, 2], { learningRateScale: [0.25, 0.5] }) });
    const of = (values: number[]) => ({ taps: f32(values, [2, 1, 2]) });
    const zeros = of([0, 0, 0, 0]);
    const trees = { parameters: of([1, 1, 1, 1]), gradients: zeros, first: zeros, second: zeros };
    const { parameters } = await update(trees, 1, 0.5, { weightDecay: 0.2, ...rules });
    const [old, now] = [1 - 0.5 * 0.25 * 0.2, 1 - 0.5 * 0.5 * 0.2];
    [old, old, now, now].forEach((value, i) => expect(parameters.taps.data[i]).toBeCloseTo(value, 6));
  });
});
