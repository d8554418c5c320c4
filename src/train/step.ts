import { type Compiled, compile } from '../compile/compile.js';
import type { LanguageModel } from '../models/index.js';
import { bind, joinParameters, splitParameterTypes } from '../nn/index.js';
import { type OptimizerState, optimizerStateTypes, updateParameters } from '../optim/index.js';
import {
  add,
  cast,
  constant,
  finite,
  guard,
  less,
  logicalNot,
  mul,
  type Precision,
  type Tensor,
  withPrecision,
} from '../tensor/index.js';
import { type Tree, treeMap } from '../tensor/tree.js';
import type { TensorType } from '../tensor/types.js';
import { isTensor, valueAndGrad, withSquaredGradients } from '../transform/index.js';
import { type BatchInputs, patchesOf } from './batch-inputs.js';
import {
  type ClippingConfig,
  type ClippingState,
  clipGradients,
  clippingStateTypes,
  type Gradients,
} from './clipping.js';
import type { RunConfig } from './config.js';
import { type LossOptions, lossesOf } from './losses.js';
import { type OptimizerConfig, stepOptimizer } from './optimizer.js';

/** Inputs of one optimizer step besides the state. */
export interface StepInputs extends BatchInputs<Tensor> {
  readonly learningRate: Tensor;
  readonly seed: Tensor;
  /** Optimizer steps done before this one, i32. */
  readonly step: Tensor;
  /** A loss above it ends the program, f32; without it none does. */
  readonly lossLimit?: Tensor;
  /** Share of a micro-batch in its step, f32, all alike unless told: of `accumulate` alone. */
  readonly share?: Tensor;
}

/** Of training over streams. */
export interface StreamConfig {
  /** Whether the rows of a batch are streams that go on from step to step. */
  readonly stream?: boolean;
  /** How many; 1 unless told. */
  readonly batchSize?: number;
}

interface TrainState {
  readonly parameters: Tree<Tensor>;
  /** Those that adapters build on. */
  readonly frozen?: Tree<Tensor>;
  /** Missing where nothing is kept, as with plain SGD: a tree without leaves is none. */
  readonly optimizer?: OptimizerState<Tensor> & ClippingState<Tensor>;
  /** Sums over micro-batches; only with accumulation. */
  readonly gradients?: Tree<Tensor>;
  /** The same of the squares of examples; of an optimizer that takes them. */
  readonly squares?: Tree<Tensor>;
  readonly lossSum?: Tensor;
  /** What the windows of streams left to the next ones. */
  readonly stream?: Tree<Tensor>;
}

/** The form of a training state: parameters, what the optimizer keeps, and sums of gradients of several micro-batches. */
export const trainStateTypes = (
  model: LanguageModel,
  accumulation: number,
  options: OptimizerConfig & ClippingConfig & StreamConfig = {},
): Tree<TensorType> => {
  const { trained: parameters, frozen } = splitParameterTypes(model);
  const optimizer = stepOptimizer(model, options);
  const kept = optimizerStateTypes(optimizer, parameters);
  const state = {
    parameters,
    ...(frozen && { frozen }),
    optimizer: { ...kept, ...clippingStateTypes(options) } as Tree<TensorType>,
    ...(options.stream && { stream: model.streamTypes!(options.batchSize ?? 1) }),
  };
  if (accumulation === 1) return state;
  const sums = { gradients: parameters, ...(optimizer.takesSquares && { squares: parameters }) };
  return { ...state, ...sums, lossSum: { shape: [], dtype: 'f32' } };
};

/** The compiled programs of training: one that does a whole step, or two where a step is made of several micro-batches. */
export interface StepPrograms {
  /** (state, inputs) -> { state, loss, payloadLoss, gradientNorm } and, as the model has them, accuracy and expertUsage; without accumulation. */
  readonly step: Compiled;
  /** (state, inputs) -> { state, loss, payloadLoss }: adds a micro-batch's gradients to the sums. */
  readonly accumulate: Compiled;
  /** (state, inputs without the batch) -> { state, gradientNorm }: steps with the sums and clears them. */
  readonly apply: Compiled;
  /** (state, inputs) -> { loss, gradients } of a micro-batch without the sums: where to look for what was not finite. */
  readonly gradients: Compiled;
  /** (state, inputs) -> { loss, payloadLoss } of a batch: what a step that was left out would have told. Streams go on: { state }. */
  readonly losses: Compiled;
  /** (state) -> { state }: clears the sums of a step that was left out. */
  readonly clear: Compiled;
}

/** The guard that ends a step whose loss is above the limit. */
export const spikeGuard = 'spike';

export interface StepOptions extends OptimizerConfig, ClippingConfig, StreamConfig, LossOptions {
  readonly accumulation: number;
  /** Of the model, float32 unless told; see `withPrecision`. */
  readonly precision?: Precision;
}

/** What a configuration says of its steps. */
export const stepOptions = ({ train, data, precision }: RunConfig): StepOptions => ({
  ...train,
  parity: data.parity,
  precision,
});

export const stepPrograms = (model: LanguageModel, options: StepOptions): StepPrograms => {
  const optimizer = stepOptimizer(model, options);
  /** Losses at some parameters, and what streams carry from then on. */
  const lossesAt = (state: TrainState, inputs: StepInputs) => {
    const { seed, step, position } = inputs;
    const patches = patchesOf(inputs, model.bitsPerPatch);
    const window = state.stream && position && { position, carried: state.stream };
    const losses = () => lossesOf(model, patches, { seed, step }, options, window);
    const { minimised, shown, accuracy, expertUsage, carried } = withPrecision(options.precision ?? 'float32', () =>
      bind(model, joinParameters(state), losses),
    );
    const told = { payloadLoss: shown, ...(accuracy && { accuracy }), ...(expertUsage && { expertUsage }) };
    return [minimised, { told, goesOn: carried ? { stream: carried } : {} }] as const;
  };
  const gradientsOf = (state: TrainState, inputs: StepInputs) => {
    const losses = (parameters: Tree<Tensor>) => lossesAt({ ...state, parameters }, inputs);
    const differentiated = (): readonly [ReturnType<typeof losses>, Gradients] => {
      if (optimizer.takesSquares) {
        const [made, gradients, squares] = withSquaredGradients(losses, { auxiliary: true })(state.parameters);
        return [made, { gradients, squares }];
      }
      const [made, gradients] = valueAndGrad(losses, { auxiliary: true })(state.parameters);
      return [made, { gradients }];
    };
    const [[loss, rest], gradients] = differentiated();
    return { loss, ...rest, ...gradients };
  };

  const update = (
    state: TrainState,
    gradients: Gradients,
    loss: Tensor,
    inputs: Omit<StepInputs, keyof BatchInputs<Tensor>>,
  ) => {
    const { clip, ...kept } = state.optimizer ?? {};
    const { tree, squares, norm, state: clipping } = clipGradients(gradients, state.parameters, { clip }, options);
    // NaN or infinity ends the program here: nothing donated has been written yet.
    guard(logicalNot(finite(add(norm, cast(loss, norm.dtype)))), 'not-finite');
    if (inputs.lossLimit) guard(less(inputs.lossLimit, loss), spikeGuard);
    const next = updateParameters(
      optimizer,
      { parameters: state.parameters, gradients: tree, ...(squares && { squares }), state: kept },
      { learningRate: inputs.learningRate, step: add(inputs.step, 1) },
    );
    return {
      state: { parameters: next.parameters, optimizer: { ...next.state, ...clipping } },
      gradientNorm: cast(norm, 'f32'),
    };
  };

  return {
    step: compile(
      (state: TrainState, inputs: StepInputs) => {
        const { loss, told, goesOn, ...gradients } = gradientsOf(state, inputs);
        const { state: next, gradientNorm } = update(state, gradients, loss, inputs);
        return { state: { ...next, ...goesOn }, gradientNorm, loss, ...told };
      },
      { donate: 'state' },
    ),
    accumulate: compile(
      (state: TrainState, inputs: StepInputs) => {
        const { loss, told, goesOn, gradients, squares } = gradientsOf(state, inputs);
        const share = inputs.share ?? 1 / options.accumulation;
        const sums = {
          gradients: addTrees(state.gradients!, gradients, share),
          ...(squares && { squares: addTrees(state.squares!, squares, share) }),
          lossSum: add(state.lossSum!, mul(loss, share)),
        };
        return { state: { ...sums, ...goesOn }, loss, ...told };
      },
      { donate: 'state' },
    ),
    apply: compile(
      (state: TrainState, inputs: Omit<StepInputs, keyof BatchInputs<Tensor>>) => {
        const { gradients, squares, lossSum } = state;
        const result = update(state, { gradients: gradients!, ...(squares && { squares }) }, lossSum!, inputs);
        return {
          state: { ...result.state, ...clearedSums(state) },
          gradientNorm: result.gradientNorm,
          loss: lossSum!,
        };
      },
      { donate: 'state' },
    ),
    gradients: compile((state: TrainState, inputs: StepInputs) => {
      const { loss, told, gradients, squares } = gradientsOf(state, inputs);
      return { loss, ...told, gradients, ...(squares && { squares }) };
    }),
    losses: compile(
      (state: TrainState, inputs: StepInputs) => {
        const [loss, { told, goesOn }] = lossesAt(state, inputs);
        return { state: goesOn, loss, payloadLoss: told.payloadLoss };
      },
      { donate: 'state' },
    ),
    clear: compile((state: TrainState) => ({ state: clearedSums(state) }), { donate: 'state' }),
  };
};

const clearedSums = ({ gradients, squares }: TrainState) => {
  const zeros = (tree: Tree<Tensor>): Tree<Tensor> =>
    treeMap<Tensor, Tensor>(tree, isTensor, (g) => constant(0, g.shape, g.dtype));
  return { gradients: zeros(gradients!), ...(squares && { squares: zeros(squares) }), lossSum: constant(0) };
};

const addTrees = (sums: Tree<Tensor>, terms: Tree<Tensor>, share: Tensor | number): Tree<Tensor> => {
  const byPath = new Map<string, Tensor>();
  treeMap<Tensor, null>(terms, isTensor, (tensor, path) => {
    byPath.set(path, tensor);
    return null;
  });
  return treeMap<Tensor, Tensor>(sums, isTensor, (sum, path) => add(sum, mul(byPath.get(path)!, share)));
};
