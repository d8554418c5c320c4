import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import type { HostArray } from '../compile/host-array.js';
import { mul, sum, type Tensor } from '../tensor/index.js';
import { grad } from '../transform/index.js';
import { CausalConvolution } from './causal-convolution.js';
import { bind, initialParameters, type Module, parametersOf } from './module.js';
import { f32, i32, randomArray, randomParameters, run } from './test-support.js';

const native = { executor: defaultExecutor() };

const layerOf = (taps: number, inputs: number, outputs: number) => {
  const layer = new CausalConvolution({ taps, inputs, outputs });
  return { layer, parameters: randomParameters(layer, taps) };
};
const forwardOf = (layer: CausalConvolution) =>
  compile((p, x: Tensor) => bind(layer as Module, p, () => layer.forward(x)), native);

describe('CausalConvolution', () => {
  it('weighs a position by the last tap and earlier ones by those before it', async () => {
    const layer = new CausalConvolution({ taps: 3, inputs: 1, outputs: 1 });
    const weight = f32([100, 10, 1], [3, 1, 1]);
    const x = f32([1, 2, 3, 4], [1, 4, 1]);
    const y = (await run((p, input) => bind(layer, p, () => layer.forward(input)), { weight }, x)) as HostArray;
    expect([...y.data]).toEqual([1, 12, 123, 234]);
  });

  it('is drawn as wide as an orthogonal matrix', async () => {
    const layer = new CausalConvolution({ taps: 5, inputs: 20, outputs: 80 });
    expect(parametersOf(layer)[0]!.parameter.initializer).toEqual({ kind: 'normal', deviation: 0.1 });
    const source = { seed: i32([1], []), step: i32([0], []) };
    const { weight } = (await run((s) => initialParameters(layer, s), source)) as { weight: HostArray };
    const squares = [...weight.data].map((value) => Number(value) ** 2);
    const deviation = Math.sqrt(squares.reduce((total, value) => total + value) / squares.length);
    expect(deviation).toBeCloseTo(0.1, 2);
  });

  it.each([[1], [4], [16]])(
    'with %i taps has gradients of exactly zero later on, and of none within reach',
    async (taps) => {
      const length = 12;
      const { layer, parameters } = layerOf(taps, 3, 2);
      const x = randomArray([1, length, 3], 5);
      const jacobian = compile(
        (p, input: Tensor, chosen: Tensor) =>
          bind(layer as Module, p, () => grad((z: Tensor) => sum(mul(layer.forward(z), chosen)))(input)),
        native,
      );
      for (let t = 0; t < length; t++) {
        const chosen = f32(
          Array.from({ length: length * 2 }, (_, i) => (Math.floor(i / 2) === t ? 1 : 0)),
          [1, length, 2],
        );
        const { data } = (await jacobian(parameters, x, chosen)) as HostArray;
        for (let s = 0; s < length; s++) {
          const row = [...data.subarray(3 * s, 3 * s + 3)];
          const seen = s <= t && s > t - taps;
          expect(row.every((value) => (value !== 0) === seen)).toBe(true);
        }
      }
    },
  );

  it('never lets a position depend on a later one, nor a row on how long the text is', async () => {
    const { layer, parameters } = layerOf(5, 33, 40);
    const forward = forwardOf(layer);
    const x = randomArray([2, 150, 33], 6);
    const whole = (await forward(parameters, x)) as HostArray;
    for (const length of [1, 3, 4, 5, 64]) {
      const cut = f32(
        [0, 1].flatMap((b) => [...x.data.subarray(b * 150 * 33, (b * 150 + length) * 33)].map(Number)),
        [2, length, 33],
      );
      const { data } = (await forward(parameters, cut)) as HostArray;
      for (const b of [0, 1]) {
        const own = data.subarray(b * length * 40, (b + 1) * length * 40);
        expect(own).toEqual(whole.data.subarray(b * 150 * 40, (b * 150 + length) * 40));
      }
    }
  });

  it.each([
    [1, 5, 3],
    [4, 9, 17],
    [25, 16, 8],
  ])('decodes by %i taps, in steps of any size, what the whole gives, bit for bit', async (taps, inputs, outputs) => {
    const { layer, parameters } = layerOf(taps, inputs, outputs);
    const [batch, length] = [2, 40];
    const x = randomArray([batch, length, inputs], 7);
    const whole = (await forwardOf(layer)(parameters, x)) as HostArray;
    const decode = compile(
      (p, input: Tensor, window: Tensor) => bind(layer as Module, p, () => layer.decode(input, window)),
      native,
    );
    let window = (await compile(() => layer.emptyWindow(batch), native)()) as HostArray;
    let from = 0;
    for (const n of [1, 1, 3, 7, 1, 27]) {
      const rows = [0, 1].flatMap((b) => [
        ...x.data.subarray((b * length + from) * inputs, (b * length + from + n) * inputs),
      ]);
      const step = (await decode(parameters, f32(rows.map(Number), [batch, n, inputs]), window)) as {
        y: HostArray;
        window: HostArray;
      };
      for (const b of [0, 1]) {
        const own = step.y.data.subarray(b * n * outputs, (b + 1) * n * outputs);
        expect(own).toEqual(whole.data.subarray((b * length + from) * outputs, (b * length + from + n) * outputs));
      }
      ({ window } = step);
      from += n;
    }
    expect(from).toBe(length);
  });

  it.each([[0], [1.5]])('refuses %d taps', (taps) => {
    expect(() => new CausalConvolution({ taps, inputs: 1, outputs: 1 })).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining('taps') }),
    );
  });
});
