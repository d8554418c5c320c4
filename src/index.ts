/**
 * nonet: training, inspecting and generating with tokenizer-free language models over bits and bytes.
 *
 * @packageDocumentation
 */

export * from './checkpoint/index.js';
export * from './codec/index.js';
export { type Argument, type Compiled, type CompileOptions, compile } from './compile/compile.js';
export { defaultExecutor, setThreads } from './compile/default-executor.js';
export type { Executor, ProgramPlan } from './compile/executor.js';
export { type GraphJson, type GraphNode, type GraphValue, graphJson } from './compile/graph-json.js';
export { boundedArray, HostArray, hostArray, scalar, type TypedArray, zeros } from './compile/host-array.js';
export { ReferenceExecutor } from './compile/reference/executor.js';
export { State } from './compile/state.js';
export { type ErrorCode, NonetError } from './core/errors.js';
export * from './data/index.js';
export * from './generate/index.js';
export * from './models/index.js';
export * as nn from './nn/index.js';
export * as optim from './optim/index.js';
export { Tensor } from './tensor/graph.js';
export * as ops from './tensor/index.js';
export { type AttentionOptions, attentionOf, stitchAttention } from './train/attention.js';
export { type RunConfig, resolveConfig, runConfigSchema } from './train/config.js';
export { type EvaluateOptions, type Evaluation, evaluateRun } from './train/evaluate.js';
export { haltProbs } from './train/halt-probs.js';
export { type LoadedRun, loadRun } from './train/load.js';
export { mergeRun } from './train/merge.js';
export { type ConvertedRecipe, fromOlmax } from './train/olmax/convert.js';
export { graphOf, planRun } from './train/plan.js';
export {
  resolveSweep,
  type SweepChanges,
  type SweepConfig,
  type SweepParameter,
  sweepSchema,
} from './train/sweep/config.js';
export { proposeTrial } from './train/sweep/propose.js';
export type { Trial } from './train/sweep/store.js';
export { type SweepResult, sweep } from './train/sweep/sweep.js';
export { resume, type TrainOptions, type TrainResult, train } from './train/trainer.js';
export {
  type Axes,
  type Branch,
  customGradient,
  grad,
  type RecomputeOptions,
  recompute,
  reversible,
  type Streams,
  type VmapOptions,
  valueAndGrad,
  vjp,
  vmap,
  withSquare,
  withSquaredGradients,
} from './transform/index.js';
