import { type Compiled, compile } from '../compile/compile.js';
import type { BitTransformer } from '../models/index.js';
import { bind, parameterTypes } from '../nn/index.js';
import { adamW, clipByGlobalNorm, parameterRules } from '../optim/index.js';
import {
  add,
  cast,
  constant,
  finite,
  guard,
  logicalNot,
  mul,
  type RandomSource,
  type Tensor,
} from '../tensor/index.js';
import { type Tree, treeMap } from '../tensor/tree.js';
import type { TensorType } from '../tensor/types.js';
import { isTensor, valueAndGrad } from '../transform/index.js';
import type { OptimizerConfig } from './config.js';

/** Inputs of one optimizer step besides the state. */
export interface StepInputs {
  /** i32 [batch, contextLength + 1] */
  readonly patches: Tensor;
  readonly learningRate: Tensor;
  readonly seed: Tensor;
  /** Optimizer steps done before this one, i32. */
  readonly step: Tensor;
}

interface TrainState {
  readonly parameters: Tree<Tensor>;
  readonly optimizer: { readonly first: Tree<Tensor>; readonly second: Tree<Tensor> };
  /** Sums over micro-batches; only with accumulation. */
  readonly gradients?: Tree<Tensor>;
  readonly lossSum?: Tensor;
}

/** The form of a training state: parameters and AdamW's moments, and sums of gradients where micro-batches are added up. */
export const trainStateTypes = (model: BitTransformer, accumulation: number): Tree<TensorType> => {
  const parameters = parameterTypes(model);
  const state = { parameters, optimizer: { first: parameters, second: parameters } };
  return accumulation > 1 ? { ...state, gradients: parameters, lossSum: { shape: [], dtype: 'f32' } } : state;
};

/** The compiled programs of training: one that does a whole step, or two where a step is made of several micro-batches. */
export interface StepPrograms {
  /** (state, inputs) -> { state, loss, gradientNorm }; without accumulation. */
  readonly step: Compiled;
  /** (state, inputs) -> { state, loss }: adds a micro-batch's gradients to the sums. */
  readonly accumulate: Compiled;
  /** (state, inputs without patches) -> { state, gradientNorm }: steps with the sums and clears them. */
  readonly apply: Compiled;
}

export const stepPrograms = (
  model: BitTransformer,
  options: OptimizerConfig & { accumulation: number },
): StepPrograms => {
  const gradientsOf = (state: TrainState, { patches, seed, step }: StepInputs): [Tensor, Tree<Tensor>] => {
    const random: RandomSource = { seed, step };
    return valueAndGrad((parameters: Tree<Tensor>) => bind(model, parameters, () => model.loss(patches, { random })))(
      state.parameters,
    );
  };

  const update = (state: TrainState, gradients: Tree<Tensor>, loss: Tensor, inputs: Omit<StepInputs, 'patches'>) => {
    const { tree, norm } = clipByGlobalNorm(gradients, options.clip);
    // NaN or infinity ends the program here: nothing donated has been written yet.
    guard(logicalNot(finite(add(norm, cast(loss, norm.dtype)))), 'not-finite');
    const { parameters, first, second } = adamW(
      { parameters: state.parameters, gradients: tree, first: state.optimizer.first, second: state.optimizer.second },
      {
        learningRate: inputs.learningRate,
        step: add(inputs.step, 1),
        betas: options.betas,
        epsilon: options.epsilon,
        weightDecay: options.weightDecay,
        ...parameterRules(model),
      },
    );
    return { state: { parameters, optimizer: { first, second } }, gradientNorm: cast(norm, 'f32') };
  };

  return {
    step: compile(
      (state: TrainState, inputs: StepInputs) => {
        const [loss, gradients] = gradientsOf(state, inputs);
        return { ...update(state, gradients, loss, inputs), loss };
      },
      { donate: 'state' },
    ),
    accumulate: compile(
      (state: TrainState, inputs: StepInputs) => {
        const [loss, gradients] = gradientsOf(state, inputs);
        const share = 1 / options.accumulation;
        const sums = addTrees(state.gradients!, gradients, share);
        return { state: { gradients: sums, lossSum: add(state.lossSum!, mul(loss, share)) }, loss };
      },
      { donate: 'state' },
    ),
    apply: compile(
      (state: TrainState, inputs: Omit<StepInputs, 'patches'>) => {
        const result = update(state, state.gradients!, state.lossSum!, inputs);
        const cleared = treeMap<Tensor, Tensor>(state.gradients!, isTensor, (g) => constant(0, g.shape, g.dtype));
        return {
          state: { ...result.state, gradients: cleared, lossSum: constant(0) },
          gradientNorm: result.gradientNorm,
          loss: state.lossSum!,
        };
      },
      { donate: 'state' },
    ),
  };
};

const addTrees = (sums: Tree<Tensor>, terms: Tree<Tensor>, share: number): Tree<Tensor> => {
  const byPath = new Map<string, Tensor>();
  treeMap<Tensor, null>(terms, isTensor, (tensor, path) => {
    byPath.set(path, tensor);
    return null;
  });
  return treeMap<Tensor, Tensor>(sums, isTensor, (sum, path) => add(sum, mul(byPath.get(path)!, share)));
};
