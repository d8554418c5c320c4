import { type Compiled, compile } from '../src/compile/compile.js';
import type { Executor } from '../src/compile/executor.js';
import { type HostArray, hostArray, scalar } from '../src/compile/host-array.js';
import { State } from '../src/compile/state.js';
import { nest } from '../src/compile/trace.js';
import { BitTransformer, type BitTransformerOptions } from '../src/models/index.js';
import { bind, parametersOf, parameterTypes } from '../src/nn/index.js';
import { adamW, clipByGlobalNorm, parameterRules } from '../src/optim/index.js';
import { constant, finite, guard, logicalNot, type RandomSource, type Tensor, type Tree } from '../src/tensor/index.js';
import { valueAndGrad } from '../src/transform/index.js';
import { drawBy, values } from './engine-support.js';

/** A whole optimizer step of a small model, and what to call it with. */
export interface Training {
  readonly step: Compiled;
  readonly state: State;
  /** Patches of a batch, number of the update, random source. */
  readonly batch: (index: number) => [HostArray, HostArray, { seed: HostArray; step: HostArray }];
}

const rows = 3;

export const smallModel: BitTransformerOptions = {
  preset: 'nano',
  layers: 2,
  dModel: 32,
  heads: 2,
  feedForward: 48,
  contextLength: 24,
  dropout: 0.1,
};

export const training = (executor: Executor, options: BitTransformerOptions = smallModel): Training => {
  const model = new BitTransformer(options);
  const types = parameterTypes(model);
  const parameters = nest(
    parametersOf(model).map(
      ({ path, parameter }, i) => [path, values(drawBy(i), parameter.shape, 'f32', [-0.1, 0.1])] as const,
    ),
  );
  const step = compile(
    (
      state: { parameters: Tree<Tensor>; first: Tree<Tensor>; second: Tree<Tensor> },
      patches: Tensor,
      update: Tensor,
      random: RandomSource,
    ) => {
      const loss = (p: Tree<Tensor>): Tensor => bind(model, p, () => model.loss(patches, { random }));
      const [value, gradients] = valueAndGrad(loss)(state.parameters);
      const { tree, norm } = clipByGlobalNorm(gradients, 1);
      guard(logicalNot(finite(norm)), 'not-finite');
      const { parameters, first, second } = adamW(
        { ...state, gradients: tree },
        { learningRate: constant(3e-3), step: update, ...parameterRules(model) },
      );
      return { state: { parameters, first, second }, loss: value, norm };
    },
    { donate: 'state', executor },
  );
  const { contextLength, bitsPerPatch } = model.config;
  return {
    step,
    state: State.create(executor, { parameters, first: types, second: types }),
    batch: (index) => [
      values(drawBy(1000 + index), [rows, contextLength + 1], 'i32', [0, 2 ** bitsPerPatch]),
      scalar(index + 1, 'i32'),
      { seed: scalar(5, 'i32'), step: scalar(index, 'i32') },
    ],
  };
};

/** Losses of a few steps, and the state at the end. */
export const train = async ({ step, state, batch }: Training, steps: number): Promise<HostArray[]> => {
  const losses = new Float64Array(steps);
  let at = state;
  for (let i = 0; i < steps; i++) {
    const result = await step(at, ...batch(i));
    losses[i] = result.loss.item();
    at = result.state;
  }
  return [hostArray(losses), ...at.paths.map((path) => at.read(path))];
};
