import { compile } from '../dist/compile/compile.js';
import { defaultExecutor } from '../dist/compile/default-executor.js';
import { scalar } from '../dist/compile/host-array.js';
import { State } from '../dist/compile/state.js';
import { BitTransformer } from '../dist/models/index.js';
import { initialParameters, parameterTypes } from '../dist/nn/index.js';
import { stepPrograms, trainStateTypes } from '../dist/train/step.js';
import { integers } from './arrays.mjs';

/** The model of the benchmarks: 8 layers x 256 over 512 positions, in a form that PyTorch has too; see peers/model.py. */
export const modelSize = (quick, layers = 8) =>
  quick
    ? { layers: 1, dModel: 32, heads: 2, feedForward: 64, contextLength: 32 }
    : { layers, dModel: 256, heads: 8, feedForward: 1024, contextLength: 512 };

export const batchSize = (quick) => (quick ? 2 : 8);

export const newModel = (bitsPerPatch, size) =>
  new BitTransformer({
    ...{ preset: 'nano', activation: 'gelu', norm: 'layer', positions: 'learned', biases: true, finalNorm: true },
    ...{ bitsPerPatch, ...size },
  });

/** The same sizes as words for the scripts of peers; a patch is a token of their vocabulary. */
export const peerSizes = ({ config }) => {
  const { bitsPerPatch, layers, dModel, heads, feedForward, contextLength } = config;
  return [2 ** bitsPerPatch, layers, dModel, heads, feedForward, contextLength];
};

const optimizer = { betas: [0.9, 0.99], epsilon: 1e-8, weightDecay: 0.1, clip: 1, accumulation: 1 };

/** Programs of a whole step: loss, gradients, clipping, AdamW. */
export const trainingPrograms = (model, options = {}) => stepPrograms(model, { ...optimizer, ...options });

export const stepInputs = (model, batch, step) => ({
  patches: integers([batch, model.contextLength + 1], 2 ** model.bitsPerPatch),
  learningRate: scalar(3e-4),
  seed: scalar(1, 'i32'),
  step: scalar(step, 'i32'),
});

/** Parameters (and, for training, moments) with first values. */
export const initialState = async (model, { training }) => {
  const types = training ? trainStateTypes(model, 1) : { parameters: parameterTypes(model) };
  const initialize = compile((_, key) => ({ state: { parameters: initialParameters(model, key) } }), {
    donate: 'state',
  });
  const key = { seed: scalar(1, 'i32'), step: scalar(0, 'i32') };
  return (await initialize(State.create(defaultExecutor(), types), key)).state;
};

/** Bytes that loss and gradients of a step take besides the parameters and the gradients themselves. Computes nothing. */
export const activationBytes = (model, batch, options = {}) => {
  const { gradients } = trainingPrograms(model, options);
  return gradients.plan(trainStateTypes(model, 1), stepInputs(model, batch, 0)).arenaBytes;
};

/** A competitor that does training steps on a state of its own, or what another of `stepPrograms` does. */
export const trainingRunner = async (model, batch, program = 'step') => {
  const { [program]: step } = trainingPrograms(model);
  let state = await initialState(model, { training: true });
  let done = 0;
  return {
    name: 'nonet',
    plan: step.plan(state, stepInputs(model, batch, 0)),
    run: async (n) => {
      const start = performance.now();
      for (let i = 0; i < n; i++) ({ state } = await step(state, stepInputs(model, batch, done++)));
      return (performance.now() - start) / 1000;
    },
    /** Seconds of every kernel call of one step. */
    profile: async () => {
      const { result, calls } = await step.profile(state, stepInputs(model, batch, done++));
      ({ state } = result);
      return calls;
    },
    free: () => state.free(),
  };
};
