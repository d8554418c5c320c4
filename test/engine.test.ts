import { describe, expect, it } from 'vitest';
import { compile } from '../src/compile/compile.js';
import { defaultExecutor } from '../src/compile/default-executor.js';
import type { Executor } from '../src/compile/executor.js';
import { asBytes, type HostArray, hostArray, scalar } from '../src/compile/host-array.js';
import { NativeExecutor } from '../src/compile/native/executor.js';
import { ReferenceExecutor } from '../src/compile/reference/executor.js';
import { State } from '../src/compile/state.js';
import { threefry2x32 } from '../src/core/random.js';
import { BitTransformer, type BitTransformerOptions } from '../src/models/index.js';
import { bind, initialParameters, parameterTypes } from '../src/nn/index.js';
import { adamW, clipByGlobalNorm, parameterRules } from '../src/optim/index.js';
import { constant, type RandomSource, type Tensor, type Tree } from '../src/tensor/index.js';
import { valueAndGrad } from '../src/transform/index.js';

const native = defaultExecutor() as NativeExecutor;

const tiny: BitTransformerOptions = {
  preset: 'nano',
  layers: 2,
  dModel: 32,
  heads: 2,
  feedForward: 48,
  contextLength: 24,
};

/** Option sets that between them touch every kernel a model uses. */
const variants: Record<string, BitTransformerOptions> = {
  modern: { ...tiny, dropout: 0.1 },
  classic: { ...tiny, preset: 'classic', layers: 2, dModel: 32, heads: 2, feedForward: 64, contextLength: 24 },
  'tied, learned, reluSquared': {
    ...tiny,
    tiedHead: true,
    positions: 'learned',
    activation: 'reluSquared',
    norm: 'layer',
    biases: true,
  },
  'parity, odd head': { ...tiny, bitsPerPatch: 9, dModel: 30, heads: 3, positions: 'sinusoidal', activation: 'gelu' },
};

const random = (count: number, stream: number) =>
  Float64Array.from({ length: count }, (_, i) => threefry2x32(7, 0, i, stream)[0] / 2 ** 32);

interface Run {
  losses: number[];
  parameters: Map<string, HostArray>;
}

const trainSteps = async (
  options: BitTransformerOptions,
  steps: number,
  how: { executor: Executor; optimize?: boolean; reuse?: boolean },
): Promise<Run> => {
  const { executor } = how;
  const model = new BitTransformer(options);
  const types = parameterTypes(model);
  const init = compile((_: unknown, key: RandomSource) => ({ state: { parameters: initialParameters(model, key) } }), {
    donate: 'state',
    executor,
  });
  const step = compile(
    (
      state: { parameters: Tree<Tensor>; first: Tree<Tensor>; second: Tree<Tensor> },
      batch: { patches: Tensor; step: Tensor },
      key: RandomSource,
    ) => {
      const [loss, gradients] = valueAndGrad((p: Tree<Tensor>) =>
        bind(model, p, () => model.loss(batch.patches, { random: key })),
      )(state.parameters);
      const { tree, norm } = clipByGlobalNorm(gradients, 1);
      const next = adamW(
        { ...state, gradients: tree },
        { learningRate: constant(3e-3), step: batch.step, ...parameterRules(model) },
      );
      return { state: { ...next }, loss, norm };
    },
    { donate: 'state', executor, optimize: how.optimize, reuse: how.reuse },
  );
  let { state } = await init(State.create(executor, { parameters: types, first: types, second: types }), {
    seed: scalar(3, 'i32'),
    step: scalar(0, 'i32'),
  });
  const { bitsPerPatch, contextLength } = model.config;
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const patches = Int32Array.from(random(3 * (contextLength + 1), i), (u) => Math.floor(u * 2 ** bitsPerPatch * 0.3));
    const result = await step(
      state,
      { patches: hostArray(patches, [3, contextLength + 1]), step: scalar(i + 1, 'i32') },
      { seed: scalar(3, 'i32'), step: scalar(i, 'i32') },
    );
    state = result.state;
    losses.push(result.loss.item());
  }
  const parameters = new Map<string, HostArray>(
    (state as State).paths.map((path) => [path, (state as State).read(path)]),
  );
  return { losses, parameters };
};

const sameBytes = (a: Run, b: Run): void => {
  expect(a.losses).toEqual(b.losses);
  for (const [path, value] of a.parameters) {
    expect(Buffer.compare(asBytes(value.data), asBytes(b.parameters.get(path)!.data)), path).toBe(0);
  }
};

describe.each(Object.entries(variants))('the native engine (%s)', (_, options) => {
  it('agrees with the reference executor over training steps', async () => {
    const a = await trainSteps(options, 3, { executor: native });
    const b = await trainSteps(options, 3, { executor: new ReferenceExecutor() });
    a.losses.forEach((loss, i) => expect(loss).toBeCloseTo(b.losses[i]!, 4));
    for (const [path, value] of a.parameters) {
      if (!path.startsWith('first')) continue;
      const expected = b.parameters.get(path)!.data;
      const scale = Math.max(...expected.map(Math.abs)) + 1e-9;
      value.data.forEach((x, i) => expect(Math.abs(x - expected[i]!) / scale, `${path}[${i}]`).toBeLessThan(2e-3));
    }
  });

  it('gives the same bits with passes on and off, and with and without memory reuse', async () => {
    const plain = await trainSteps(options, 3, { executor: native });
    sameBytes(plain, await trainSteps(options, 3, { executor: native, optimize: false }));
    sameBytes(plain, await trainSteps(options, 3, { executor: native, reuse: false }));
  });

  it('trains 20 steps to the same bytes on 1, 2 and 4 threads', async () => {
    const runs = [];
    for (const threads of [1, 2, 4])
      runs.push(await trainSteps(options, 20, { executor: new NativeExecutor(native.addon, threads) }));
    sameBytes(runs[0]!, runs[1]!);
    sameBytes(runs[0]!, runs[2]!);
  });
});
