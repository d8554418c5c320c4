import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.js';
import { defaultExecutor } from '../../compile/default-executor.js';
import type { HostArray } from '../../compile/host-array.js';
import { ReferenceExecutor } from '../../compile/reference/executor.js';
import { bind, parameterCount } from '../../nn/index.js';
import { f32, randomIntegers } from '../../nn/test-support.js';
import {
  add,
  cast,
  constant,
  lessEqual,
  matmul,
  mul,
  sigmoid,
  sqrt,
  stopGradient,
  sub,
  sum,
  type Tensor,
  type Tree,
  treeLeaves,
  treeMap,
} from '../../tensor/index.js';
import { valueAndGrad } from '../../transform/index.js';
import type { BitTransformerOptions } from './config.js';
import { BitTransformer } from './model.js';
import { haltingParameters } from './test-support.js';

const size = { layers: 5, dModel: 32, heads: 2, feedForward: 48, contextLength: 24, bitsPerPatch: 4 } as const;
const modelOf = (options: BitTransformerOptions = {}): BitTransformer =>
  new BitTransformer({ ...size, act: true, ...options });
const inputs = randomIntegers([3, 20], 5, 16);

/** Something that depends on every output, and on what is paid for the blocks. */
const objective = (nodes: Tensor, cost: Tensor): Tensor =>
  add(sum(sqrt(add(mul(nodes, nodes), 1))), mul(sum(cost), 0.3));

/** Graves's rule written down block by block, with masks as factors and nothing that is rebuilt. */
const plainly = (model: BitTransformer, x: Tensor): Tensor => {
  const vectors = model.embed(x);
  const rotation = model.positions.first(x.shape[1]!).rotation!;
  let [x1, x2]: [Tensor, Tensor] = [vectors, vectors];
  let [running, total] = [constant(1, [3, 20, 1]), constant(0, [3, 20, 1])];
  let [output, cost] = [constant(0, vectors.shape), constant(0, [3, 20, 1])];
  model.blocks.forEach((block, i) => {
    const { weight, bias } = block.halting!;
    const attended = mul(block.attend(model.config.reversible ? x2 : x1, { rotation }), running);
    x1 = add(x1, attended);
    const fed = mul(block.feed(x1), running);
    if (model.config.reversible) x2 = add(x2, fed);
    else x1 = add(x1, fed);
    const state = model.config.reversible ? mul(add(x1, x2), 0.5) : x1;
    const p = sigmoid(add(matmul(state, weight.value), bias.value));
    const isLast = i === model.blocks.length - 1;
    const reached = isLast
      ? constant(1, running.shape)
      : cast(lessEqual(model.config.actThreshold, add(total, p)), 'f32');
    const halts = mul(running, stopGradient(reached));
    const goesOn = sub(running, halts);
    const rest = sub(1, total);
    output = add(output, mul(state, add(mul(halts, rest), mul(goesOn, p))));
    cost = add(cost, add(running, mul(halts, rest)));
    total = add(total, mul(goesOn, p));
    running = goesOn;
  });
  return objective(model.predict(output), cost);
};

const wholly = (model: BitTransformer, x: Tensor): Tensor => {
  const { nodes, pondered } = model.forward(x);
  return objective(nodes, add(pondered!.depth, pondered!.remainder));
};

const gradientsOf = (model: BitTransformer, f: (model: BitTransformer, x: Tensor) => Tensor) =>
  compile((parameters: Tree<Tensor>, x: Tensor) =>
    valueAndGrad((p: Tree<Tensor>) => bind(model, p, () => f(model, x)))(parameters),
  );

const isArray = (x: unknown): x is HostArray => typeof x === 'object' && x !== null && 'data' in x;

describe('model.act', () => {
  it('adds a unit of d + 1 parameters to each block, as the reference system has it', () => {
    expect(parameterCount(new BitTransformer({ preset: 'classic', act: true }))).toBe(16_828_426);
    expect(parameterCount(new BitTransformer({ preset: 'classic' }))).toBe(16_824_322);
  });

  it.each<[string, BitTransformerOptions]>([
    ['plain', {}],
    ['recomputed blocks', { recompute: 'block' }],
    ['recomputed segments', { recompute: 'segment' }],
    ['reversible', { reversible: true }],
    ['reversible, recomputed', { reversible: true, recompute: 'block' }],
  ])('has value and gradients of the rule written down: %s', async (_, options) => {
    const model = modelOf(options);
    const parameters = haltingParameters(model, 3);
    const [value, expected] = await gradientsOf(model, plainly)(parameters, inputs);
    const [same, got] = await gradientsOf(model, wholly)(parameters, inputs);
    expect(same.item() / value.item()).toBeCloseTo(1, 5);
    const others = new Map(
      treeLeaves<HostArray>(got, isArray).map((leaf) => [leaf.path, leaf.value.data as Float32Array]),
    );
    for (const { path, value: gradient } of treeLeaves<HostArray>(expected, isArray)) {
      const [a, b] = [gradient.data as Float32Array, others.get(path)!];
      const distance = Math.hypot(...a.map((x, i) => x - b[i]!));
      expect(distance / (Math.hypot(...a) + 1e-3), path).toBeLessThan(1e-4);
    }
    const unit = others.get('blocks.1.halting.weight')!;
    expect(unit.some((x) => x !== 0)).toBe(true);
  });

  it('has the gradients that small changes show', async () => {
    const model = modelOf({ layers: 3, dModel: 8, feedForward: 12 });
    const parameters = haltingParameters(model, 3);
    const few = randomIntegers([1, 6], 5, 16);
    const f = (p: Tree<Tensor>, x: Tensor) =>
      bind(model, p, () => [wholly(model, x), model.forward(x).pondered!.depth] as const);
    const valueAt = compile(f, { executor: new ReferenceExecutor() });
    const [, gradients] = await compile(
      (p: Tree<Tensor>, x: Tensor) => valueAndGrad((q: Tree<Tensor>) => f(q, x)[0])(p),
      { executor: new ReferenceExecutor() },
    )(parameters, few);
    const leaves = new Map(treeLeaves<HostArray>(gradients, isArray).map(({ path, value }) => [path, value.data]));
    for (const [at, i] of [
      ['blocks.0.halting.bias', 0],
      ['blocks.1.halting.weight', 3],
      ['blocks.0.halting.weight', 5],
      ['blocks.1.feedForward.up.weight', 7],
      ['blocks.2.attention.qkv.weight', 150],
    ] as const) {
      const moved = async (by: number) => {
        const tree = treeMap<HostArray, HostArray>(parameters, isArray, (array, path) =>
          path === at
            ? f32(
                Array.from(array.data, (x, k) => (k === i ? x + by : x)),
                array.shape,
              )
            : array,
        );
        const [value, depth] = await valueAt(tree, few);
        return { value: value.item() as number, depth: [...depth.data] };
      };
      const [below, above] = [await moved(-(2 ** -9)), await moved(2 ** -9)];
      // Where a position ends elsewhere the value jumps.
      expect(above.depth).toEqual(below.depth);
      const slope = ((above.value - below.value) / 2) * 2 ** 9;
      expect(Math.abs(slope - (leaves.get(at)![i] as number)), at).toBeLessThan(2e-3 * (1 + Math.abs(slope)));
    }
  });

  it('lets positions end at blocks of their own, from the first to the last', async () => {
    const model = modelOf();
    const depths = await depthsOf(model, haltingParameters(model, 3));
    expect(new Set(depths)).toEqual(new Set([2, 3, 4, 5]));
    expect(new Set(await depthsOf(model, haltingParameters(model, 3, 30)))).toEqual(new Set([1]));
    expect(new Set(await depthsOf(model, haltingParameters(model, 3, -30)))).toEqual(new Set([5]));
  });

  it.skipIf(defaultExecutor().name !== 'native')(
    'keeps of a reversible block some numbers a position, no states',
    async () => {
      const bytes = (layers: number, act: boolean): number => {
        const model = modelOf({ layers, act, reversible: true });
        const loss = (of: BitTransformer, x: Tensor): Tensor => (act ? wholly(of, x) : sum(of.nodeLogits(x)));
        return gradientsOf(model, loss).plan(haltingParameters(model, 3), inputs).arenaBytes;
      };
      const perLayer = (act: boolean): number => (bytes(40, act) - bytes(8, act)) / 32;
      const positions = 3 * 20;
      expect(perLayer(true) - perLayer(false)).toBeLessThan(positions * 32);
      expect(32).toBeLessThan(4 * size.dModel);
    },
  );
});

const depthsOf = async (model: BitTransformer, parameters: Tree<HostArray>): Promise<Float32Array> => {
  const depth = compile((p: Tree<Tensor>, x: Tensor) => bind(model, p, () => model.forward(x).pondered!.depth));
  return (await depth(parameters, inputs)).data;
};
