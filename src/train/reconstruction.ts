import { type Compiled, compile } from '../compile/compile.js';
import { hostArray } from '../compile/host-array.js';
import type { State } from '../compile/state.js';
import { type ByteStore, evaluationWindows } from '../data/index.js';
import type { LanguageModel } from '../models/index.js';
import { bind, joinParameters, type ParameterState } from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';

/** Measures `BitTransformer.reconstructionError` on the first window of some data; undefined for models of one stream. */
export const createReconstruction = (
  model: LanguageModel,
  parity: boolean,
): ((state: State, store: ByteStore) => Promise<number | undefined>) => {
  const { bitsPerPatch, contextLength } = model;
  if (!model.config.reversible || !model.reconstructionError) return async () => undefined;
  const program: Compiled = compile((state: ParameterState, inputs: Tensor) =>
    bind(model, joinParameters(state), () => model.reconstructionError!(inputs)),
  );
  return async (state, store) => {
    const { inputs } = evaluationWindows({ store, bitsPerPatch, parity, contextLength }).batch(0, 1);
    return (await program(state, hostArray(inputs, [1, contextLength]))).item();
  };
};
