import { describe, expect, it } from 'vitest';
import type { HostArray } from '../compile/host-array.js';
import type { Tensor } from '../tensor/index.js';
import { CausalSelfAttention, type Rotation } from './attention.js';
import { Dropout } from './dropout.js';
import { Embedding } from './embedding.js';
import { type Activation, FeedForward } from './feed-forward.js';
import { LayerNorm } from './layer-norm.js';
import { Linear } from './linear.js';
import { bind, parametersOf } from './module.js';
import { rotaryTables, sinusoidalTable } from './position-tables.js';
import { RMSNorm } from './rms-norm.js';
import { f32, i32, randomArray, randomParameters, run } from './test-support.js';

const apply = <M extends { forward(x: Tensor): Tensor }>(
  layer: M,
  x: HostArray,
  parameters = randomParameters(layer, 1),
) => run((p, input) => bind(layer, p, () => layer.forward(input)), parameters, x) as Promise<HostArray>;

const shapes = (layer: object) =>
  Object.fromEntries(parametersOf(layer).map(({ path, parameter }) => [path, parameter.shape]));

const expectClose = (actual: HostArray, expected: readonly number[], digits = 5): void => {
  expect(actual.data.length).toBe(expected.length);
  expected.forEach((value, i) => {
    expect(actual.data[i]).toBeCloseTo(value, digits);
  });
};

describe('Linear', () => {
  it('is x W + b with a weight [inputs, outputs]', async () => {
    const y = await apply(new Linear({ inputs: 2, outputs: 3 }), f32([1, 10], [1, 2]), {
      weight: f32([1, 2, 3, 4, 5, 6], [2, 3]),
      bias: f32([100, 200, 300]),
    });
    expectClose(y, [141, 252, 363]);
  });

  it('has no bias where none is asked for', () => {
    expect(shapes(new Linear({ inputs: 2, outputs: 3, bias: false }))).toEqual({ weight: [2, 3] });
  });
});

describe('Embedding', () => {
  it('gives the row of each index', async () => {
    const y = await apply(new Embedding({ count: 3, width: 2 }), i32([2, 0], [1, 2]), {
      weight: f32([1, 2, 3, 4, 5, 6], [3, 2]),
    });
    expectClose(y, [5, 6, 1, 2]);
    expect(y.shape).toEqual([1, 2, 2]);
  });
});

describe('norms', () => {
  const x = f32([1, 2, 3, 6], [1, 4]);
  const weight = f32([1, 1, 1, 2]);

  it('LayerNorm subtracts the mean and divides by the deviation', async () => {
    const y = await apply(new LayerNorm(4), x, { weight, bias: f32([0, 0, 0, 10]) });
    const deviation = Math.sqrt(3.5 + 1e-5);
    expectClose(y, [-2 / deviation, -1 / deviation, 0, (2 * 3) / deviation + 10]);
  });

  it('RMSNorm divides by the root mean square', async () => {
    const y = await apply(new RMSNorm(4), x, { weight });
    const root = Math.sqrt(12.5 + 1e-5);
    expectClose(y, [1 / root, 2 / root, 3 / root, 12 / root]);
  });

  it('stay finite on a row of zeros', async () => {
    expectClose(await apply(new RMSNorm(2), f32([0, 0], [1, 2])), [0, 0]);
  });
});

describe('Dropout', () => {
  const source = { seed: i32([1], []), step: i32([0], []) };
  const x = f32(new Array<number>(1000).fill(1), [10, 100]);

  it('drops that share and scales the rest', async () => {
    const layer = new Dropout(0.25);
    const y: HostArray = await run((input, random) => layer.forward(input, random), x, source);
    const values = new Set(y.data);
    expect([...values].sort()).toEqual([0, Math.fround(4 / 3)]);
    const kept = y.data.filter((value) => value > 0).length;
    expect(Math.abs(kept - 750)).toBeLessThan(60);
  });

  it('does nothing without a source or at rate 0', async () => {
    const results = await run(
      (input, random) => [new Dropout(0.5).forward(input, undefined), new Dropout(0).forward(input, random)],
      x,
      source,
    );
    for (const y of results) expect(y.data).toEqual(x.data);
  });
});

describe('FeedForward', () => {
  const build = (activation: Activation) =>
    new FeedForward({ width: 1, inner: 1, activation, biases: false, residualDeviation: 0.02 });
  const x = f32([1, -1], [2, 1]);
  const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

  it.each(['gelu', 'reluSquared'] as const)('%s widens once', (activation) => {
    expect(shapes(build(activation))).toEqual({ 'up.weight': [1, 1], 'down.weight': [1, 1] });
  });

  it('reluSquared is the square of what is positive', async () => {
    const y = await apply(build('reluSquared'), x, {
      up: { weight: f32([3], [1, 1]) },
      down: { weight: f32([2], [1, 1]) },
    });
    expectClose(y, [18, 0]);
  });

  it('swiglu gates the second half with SiLU of the first', async () => {
    const y = await apply(build('swiglu'), x, {
      up: { weight: f32([3, 5], [1, 2]) },
      down: { weight: f32([2], [1, 1]) },
    });
    expectClose(y, [3 * sigmoid(3) * 5 * 2, -3 * sigmoid(-3) * -5 * 2]);
  });

  it('gelu is x times its normal distribution', async () => {
    const y = await apply(build('gelu'), x, { up: { weight: f32([1], [1, 1]) }, down: { weight: f32([1], [1, 1]) } });
    expectClose(y, [0.8413, -0.1587], 2);
  });
});

describe('position tables', () => {
  it('sinusoids interleave sine and cosine', () => {
    const table = sinusoidalTable(3, 4);
    const expected = [Math.sin(2), Math.cos(2), Math.sin(2 / 100), Math.cos(2 / 100)];
    expected.forEach((value, i) => {
      expect(table[8 + i]).toBeCloseTo(value, 12);
    });
  });

  it('rotary angles fall from 1 radian a position', () => {
    const { cos, sin } = rotaryTables(2, 4);
    expect([cos[2], sin[3]]).toEqual([Math.cos(1), Math.sin(1 / 100)]);
  });
});

describe('CausalSelfAttention', () => {
  const [batch, length, width] = [2, 5, 4];
  const layer = new CausalSelfAttention({ width, heads: 2, biases: true, residualDeviation: 0.02 });
  const parameters = randomParameters(layer, 3, 1);
  const x = randomArray([batch, length, width], 4, 2);
  const tables = rotaryTables(length, width / 2);
  const rotation = { cos: f32([...tables.cos], [1, length, 1]), sin: f32([...tables.sin], [1, length, 1]) };
  const forward = (input: HostArray, angles = rotation): Promise<HostArray> =>
    run((p, y, r: Rotation) => bind(layer, p, () => layer.forward(y, r)), parameters, input, { ...angles });

  it('equals attention written out for one position that sees two', async () => {
    const one = new CausalSelfAttention({ width: 1, heads: 1, biases: false, residualDeviation: 0.02 });
    const y = await apply(one, f32([1, 2], [1, 2, 1]), {
      qkv: { weight: f32([0.5, 1, 3], [1, 3]) },
      projection: { weight: f32([10], [1, 1]) },
    });
    // q = 0.5 x, k = x, v = 3 x: the second position weighs scores 1 * 1 and 1 * 2.
    const weights = [Math.exp(1), Math.exp(2)] as const;
    expectClose(y, [30, (10 * (3 * weights[0] + 6 * weights[1])) / (weights[0] + weights[1])]);
  });

  it('never lets a position see a later one', async () => {
    const changed = f32([...x.data], x.shape);
    for (let i = 0; i < width; i++) changed.data[3 * width + i]! += 1;
    const [before, after] = [await forward(x), await forward(changed)];
    expect(after.data.subarray(0, 3 * width)).toEqual(before.data.subarray(0, 3 * width));
    expect(after.data.subarray(3 * width, 4 * width)).not.toEqual(before.data.subarray(3 * width, 4 * width));
    expect(after.data.subarray(4 * width, 5 * width)).not.toEqual(before.data.subarray(4 * width, 5 * width));
  });

  it('knows positions by rotation alone: turning all by the same angle changes nothing', async () => {
    const turned = (by: number) => ({
      cos: f32(
        [0, 1, 2, 3, 4].map((p) => Math.cos(p + by)),
        [1, length, 1],
      ),
      sin: f32(
        [0, 1, 2, 3, 4].map((p) => Math.sin(p + by)),
        [1, length, 1],
      ),
    });
    expectClose(await forward(x, turned(3)), [...(await forward(x, turned(0))).data], 5);
    const stretched = turned(0);
    stretched.cos.data[4] = 1;
    expect((await forward(x, stretched)).data).not.toEqual((await forward(x, turned(0))).data);
  });
});
