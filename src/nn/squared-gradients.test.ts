import { describe, expect, it } from 'vitest';
import { HostArray } from '../compile/host-array.js';
import {
  cast,
  convolution,
  mean,
  mul,
  reshape,
  square,
  sum,
  type Tensor,
  type Tree,
  tanh,
  treeLeaves,
  treeMap,
} from '../tensor/index.js';
import { grad, isTensor, vmap, withSquaredGradients } from '../transform/index.js';
import { AxialMixer } from './axial-mixer.js';
import { CausalConvolution } from './causal-convolution.js';
import { bind } from './module.js';
import { randomArray, randomParameters, run } from './test-support.js';

const examples = 5;
const kernel = 4;
const [inputs, outputs, taps] = [3, 2, 4];

const causal = new CausalConvolution({ inputs, outputs, taps });
/** What stands between its matrices has no scale, since to that a block is several positions. */
const mixer = new AxialMixer({ width: 1, length: kernel, kernel, axis: 0, norm: { forward: tanh } });

/** Layers of which one example [1, ...shape] has one position of what meets each weight. */
const cases: [what: string, layer: object, forward: (x: Tensor) => Tensor, shape: readonly number[]][] = [
  ['a convolution of one position, which one tap sees', causal, (x) => causal.forward(x), [1, inputs]],
  [
    'a convolution of as many positions as it has taps, to one',
    causal,
    (x) => convolution(x, causal.weight.value),
    [taps, inputs],
  ],
  ['a mixer of one block and one feature', mixer, (x) => mixer.forward(x), [kernel, 1]],
];

describe('squared gradients', () => {
  it.each(cases)('are the mean of the squared gradients of examples: %s', async (_, layer, forward, shape) => {
    // By its own factor each example counts differently.
    const loss = (p: Tree<Tensor>, x: Tensor, factor: Tensor): Tensor =>
      mean(mul(sum(square(tanh(bind(layer, p, () => forward(x)))), { axes: [1, 2] }), factor));
    const ofExample = (p: Tree<Tensor>, x: Tensor, factor: Tensor): Tree<Tensor> =>
      grad((q: Tree<Tensor>) => loss(q, reshape(x, [1, ...shape]), reshape(factor, [1])))(p);
    const { each, squares } = await run(
      (p: Tree<Tensor>, x: Tensor, factor: Tensor) => ({
        each: treeMap<Tensor, Tensor>(vmap(ofExample, { inAxes: [null, 0, 0] })(p, x, factor), isTensor, (g) =>
          cast(mean(square(g), { axes: [0] }), 'f64'),
        ),
        squares: treeMap<Tensor, Tensor>(withSquaredGradients(loss)(p, x, factor)[2], isTensor, (g) => cast(g, 'f64')),
      }),
      treeMap<HostArray, HostArray>(randomParameters(layer, 3), isArray, wide),
      wide(randomArray([examples, ...shape], 1, 2)),
      wide(randomArray([examples], 2, 2)),
    );
    const wanted = treeLeaves<HostArray>(each, isArray);
    const got = treeLeaves<HostArray>(squares, isArray);
    expect(wanted.length).toBeGreaterThan(0);
    expect(got.map(({ path }) => path)).toEqual(wanted.map(({ path }) => path));
    for (const [i, { value }] of wanted.entries()) {
      const size = Math.max(...Array.from(value.data, Number));
      expect(size).toBeGreaterThan(0);
      const errors = Array.from(value.data, (x, n) => Math.abs(Number(got[i]!.value.data[n]) - Number(x)));
      expect(Math.max(...errors) / size).toBeLessThan(1e-10);
    }
  });
});

/** Of dtype f32, as parameters are; the reference computes in float64 whatever the dtype, and rounds f32 only on the way out. */
const wide = ({ data, shape }: HostArray): HostArray => new HostArray(Float64Array.from(data, Number), shape, 'f32');

const isArray = (value: unknown): value is HostArray => value instanceof HostArray;
