import { describe, expect, it } from 'vitest';
import { HostArray } from '../compile/host-array.js';
import type { Tensor, Tree } from '../tensor/index.js';
import { FeedForward } from './feed-forward.js';
import { MixtureOfExperts, type MixtureOptions } from './mixture-of-experts.js';
import { bind } from './module.js';
import { f32, randomArray, randomParameters, run } from './test-support.js';

const [rows, width, inner, experts] = [9, 6, 5, 4];
const common = { width, inner, experts, activation: 'gelu', biases: true, residualDeviation: 0.02 } as const;

interface Values {
  readonly gate: Tree<HostArray>;
  readonly up: Readonly<Record<string, HostArray>>;
  readonly down: Readonly<Record<string, HostArray>>;
}

/** The part of expert `e` of stacked parameters. */
const partOf = (all: Readonly<Record<string, HostArray>>, e: number): Record<string, HostArray> =>
  Object.fromEntries(
    Object.entries(all).map(([name, { data, shape }]) => {
      const size = data.length / shape[0]!;
      return [name, f32(Array.from(data.slice(e * size, (e + 1) * size) as Float32Array), shape.slice(1))];
    }),
  );

/** Position by position and expert by expert, with a plain feed-forward part for each. */
const naive = async (options: MixtureOptions, values: Values, x: HostArray): Promise<number[]> => {
  const { perToken, soft = false, rank = 0, ...feedForward } = options;
  const layer = new MixtureOfExperts(options);
  const { probabilities } = await run(
    (p, input) => ({ ...bind(layer, p, () => layer.route(input)) }),
    values as unknown as Tree<HostArray>,
    x,
  );
  const low = (all: Record<string, HostArray>) =>
    rank > 0 ? { down: all.down!, up: all.weight!, bias: all.bias! } : all;
  const outputs: HostArray[] = [];
  for (let e = 0; e < experts; e++) {
    const expert = new FeedForward({ ...feedForward, rank });
    const own = { up: low(partOf(values.up, e)), down: low(partOf(values.down, e)) };
    outputs.push(await run((p, input) => bind(expert, p, () => expert.forward(input)), own, x));
  }
  return Array.from({ length: rows }, (_, row) => {
    const own = Array.from({ length: experts }, (_, e) => probabilities.data[row * experts + e]!);
    const order = own.map((_, e) => e).sort((a, b) => own[b]! - own[a]!);
    const chosen = soft ? order : order.slice(0, perToken);
    const total = !soft && perToken > 1 ? chosen.reduce((sum, e) => sum + own[e]!, 0) : 1;
    return Array.from({ length: width }, (_, c) =>
      chosen.reduce((sum, e) => sum + (own[e]! / total) * outputs[e]!.data[row * width + c]!, 0),
    );
  }).flat();
};

describe('MixtureOfExperts', () => {
  it.each<[string, MixtureOptions]>([
    ['one expert', { ...common, perToken: 1, gateLayers: 1 }],
    ['two experts, a gate of two layers', { ...common, perToken: 2, gateLayers: 2 }],
    ['all experts, one after the other', { ...common, perToken: experts, gateLayers: 1 }],
    ['a soft mixture', { ...common, perToken: 1, gateLayers: 1, soft: true }],
    ['experts of low rank', { ...common, perToken: 2, gateLayers: 1, rank: 2 }],
    ['a soft mixture of low rank', { ...common, perToken: 1, gateLayers: 1, rank: 2, soft: true }],
  ])('is a loop over positions: %s', async (_, options) => {
    const layer = new MixtureOfExperts(options);
    const parameters = randomParameters(layer, 3, 1);
    const x = randomArray([3, rows / 3, width], 4, 2);
    const y: HostArray = await run((p, input: Tensor) => bind(layer, p, () => layer.forward(input)), parameters, x);
    const expected = await naive(options, parameters as unknown as Values, new HostArray(x.data, [rows, width], 'f32'));
    expect(y.shape).toEqual(x.shape);
    expected.forEach((value, i) => {
      expect(y.data[i]).toBeCloseTo(value, 5);
    });
  });
});
