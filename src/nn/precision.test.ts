import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import type { HostArray } from '../compile/host-array.js';
import { ReferenceExecutor } from '../compile/reference/executor.js';
import {
  attention,
  cast,
  matmul,
  mul,
  roundToBfloat16,
  slice,
  sum,
  type Tensor,
  withPrecision,
} from '../tensor/index.js';
import { grad, valueAndGrad } from '../transform/index.js';
import { FeedForward } from './feed-forward.js';
import { LayerNorm } from './layer-norm.js';
import { bind } from './module.js';
import { attend, product } from './precision.js';
import { RMSNorm } from './rms-norm.js';
import { randomArray, randomParameters } from './test-support.js';

const half = (x: Tensor): Tensor => cast(cast(x, 'bf16'), 'f32');
const bf16 = <R>(body: () => R): R => withPrecision('bf16', body);

/** The greatest difference over the greatest value. */
const error = (a: HostArray, b: HostArray): number =>
  Math.max(...Array.from(a.data, (x: number, i) => Math.abs(x - b.data[i]!))) /
  Math.max(...Array.from(b.data, (x: number) => Math.abs(x)));

describe.each([new ReferenceExecutor(), defaultExecutor()])('withPrecision bf16 ($name)', (executor) => {
  it('multiplies rounded operands, and rounds cotangent and gradients', async () => {
    const [a, b, w] = [randomArray([3, 5, 40], 1), randomArray([40, 6], 2), randomArray([3, 5, 6], 3)];
    const of = (f: (a: Tensor, b: Tensor) => Tensor, round: (x: Tensor) => Tensor) =>
      compile(
        (x: Tensor, y: Tensor, z: Tensor) => {
          const loss = (operands: readonly [Tensor, Tensor]): Tensor => sum(mul(f(...operands), z));
          const [value, gradients] = valueAndGrad(loss)([x, y]);
          return [value, ...gradients.map(round)];
        },
        { executor },
      )(a, b, w);
    const got = await of(
      (x, y) => bf16(() => product(x, y)),
      (x) => x,
    );
    const want = await of((x, y) => matmul(half(x), half(y)), half);
    const dy = await compile((x: Tensor, z: Tensor) => half(matmul(half(z), half(x), { transposeB: true })), {
      executor,
    })(b, w);
    expect(got[0].item()).toBeCloseTo(want[0].item(), 4);
    expect(error(got[1], dy)).toBe(0);
    for (const i of [1, 2]) {
      expect(error(got[i], want[i])).toBeLessThan(2 ** -6);
      expect([...got[i].data]).toEqual(Array.from(got[i].data as Float32Array, roundToBfloat16));
    }
  });

  it.each([{}, { causal: true }, { causal: true, chunkSize: 4, overlap: 2 }])(
    'attends with rounded operands to a rounded result, near the gradients of float32: %j',
    async (options) => {
      const heads = [1, 2, 3].map((seed) => randomArray([2, 11, 2, 8], seed)) as [HostArray, HostArray, HostArray];
      const weights = randomArray([2, 11, 2, 8], 4);
      type Attention = (q: Tensor, k: Tensor, v: Tensor) => Tensor;
      const lean: Attention = (q, k, v) => bf16(() => attend({ q, k, v }, options));
      const plain: Attention = (q, k, v) => half(attention({ q: half(q), k: half(k), v: half(v) }, options));
      const exact: Attention = (q, k, v) => attention({ q, k, v }, options);
      const values = (f: Attention) => compile(f, { executor })(...heads) as Promise<HostArray>;
      expect(error(await values(lean), await values(plain))).toBeLessThan(executor.name === 'native' ? 2 ** -7 : 1e-12);
      const gradients = (f: Attention) =>
        compile(
          (q: Tensor, k: Tensor, v: Tensor, w: Tensor) =>
            grad((of: readonly [Tensor, Tensor, Tensor]) => sum(mul(f(...of), w)))([q, k, v]),
          { executor },
        )(...heads, weights);
      const [got, want] = [await gradients(lean), await gradients(exact)];
      for (const i of [0, 1, 2]) expect(error(got[i], want[i])).toBeLessThan(0.03);
    },
  );

  it.each([
    ['LayerNorm', new LayerNorm(24)],
    ['RMSNorm', new RMSNorm(24)],
    [
      'FeedForward',
      new FeedForward({ width: 24, inner: 40, activation: 'swiglu', biases: true, residualDeviation: 1 }),
    ],
  ])('%s stays near what it is in float32, gradients too', async (name, layer) => {
    const [parameters, x] = [randomParameters(layer, 1), randomArray([4, 24], 2)];
    const of = (wrap: <R>(body: () => R) => R) =>
      compile(
        (p, input: Tensor) => {
          const y = wrap(() => bind(layer, p, () => layer.forward(input)));
          const dx = grad((z: Tensor) => {
            const out = wrap(() => bind(layer, p, () => layer.forward(z)));
            return sum(mul(out, slice(out, { axis: 0, start: 0, end: 1 })));
          })(input);
          return [y, dx];
        },
        { executor },
      )(parameters, x);
    const [[y, dx], [plainY, plainDx]] = [await of(bf16), await of((body) => body())];
    // A norm is computed in float32 as it is: only its backward pass knows rounded inputs.
    expect(error(y, plainY)).toBeLessThan(name === 'FeedForward' ? 0.02 : 1e-7);
    expect(error(dx, plainDx)).toBeLessThan(0.03);
  });
});

describe('float32, the default', () => {
  it('adds nothing to the graph', () => {
    const layer = new FeedForward({ width: 8, inner: 8, activation: 'gelu', biases: true, residualDeviation: 1 });
    const ops = new Set<string>();
    compile(
      (p, x: Tensor) => {
        const y = bind(layer, p, () => layer.forward(x));
        return y;
      },
      { executor: new ReferenceExecutor() },
    )
      .plan(randomParameters(layer, 1), randomArray([2, 8], 1))
      .program.graph.nodes.forEach(({ op }) => void ops.add(op.name));
    expect([...ops].filter((name) => name === 'cast' || name === 'customCall')).toEqual([]);
  });
});

describe.skipIf(defaultExecutor().name !== 'native')('weights under bf16', () => {
  it('are not kept as rounded, since they are there anyway', () => {
    const [count, width] = [8, 128];
    const weights = Array.from({ length: count }, (_, i) => randomArray([width, width], i));
    const f = compile((ws: readonly Tensor[], x: Tensor) =>
      grad((all: readonly Tensor[]) => sum(bf16(() => all.reduce((y, w) => product(y, w), x))))(ws),
    );
    expect(f.plan(weights, randomArray([4, width], 1)).arenaBytes).toBeLessThan((count - 1) * 2 * width * width);
  });
});
