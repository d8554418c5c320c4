import { momentumKinds, optimizerNames, stateTypes } from '../optimizer-keys.js';

/** What a value of an Olmax configuration has to be. */
export type OlmaxKind = 'count' | 'number' | 'text' | 'flag' | 'list';

/** One key of an Olmax configuration, and what becomes of it. */
export interface OlmaxKey {
  /** Group and name as the project's description spells them; snake_case means the same. */
  readonly key: string;
  /** Other names that it goes by. */
  readonly also?: readonly string[];
  readonly kind: OlmaxKind;
  /** The key of a recipe that it becomes; missing where there is none. */
  readonly to?: string;
  /** What Olmax takes where the key is left out; recipes then say so too. */
  readonly standard?: unknown;
  /** The values that a text may have, and what they are here; case and underscores do not count. */
  readonly values?: Readonly<Record<string, string>>;
  /** The value of `to`, where it is another one than that of the key; `before` is what stands there. */
  readonly convert?: (value: never, before: unknown) => unknown;
  /** Of a key that becomes nothing: the value that asks for what is done here anyway. */
  readonly only?: unknown;
  /** The optimizers here that read it, all where it is left out; a file that names none has the first, if not tgAdam. */
  readonly readBy?: readonly string[];
  /** For the documentation, and the warning of a key that becomes nothing. */
  readonly note?: string;
}

/** One of the three betas, whose order is that of the rates. */
const beta = (key: string, also: string, index: number, standard: number): OlmaxKey => ({
  ...{ key: `optimizer.${key}`, also: [also], kind: 'number', to: 'train.tgBetas', standard, readBy: ['tgAdam'] },
  convert: (rate: number, before: unknown) =>
    ((before as number[] | undefined) ?? [0, 0, 0]).map((old, at) =>
      at === index ? Number((1 - rate).toPrecision(12)) : old,
    ),
  note: 'a rate; 1 - rate here; of tgAdam, others have train.betas',
});

const ofShampoo = (key: string, to: string, ...others: readonly string[]): OlmaxKey => ({
  ...{ key: `optimizer.${key}`, kind: 'count', to: `train.${to}`, readBy: ['shampoo', ...others] },
  note: `of ${['Shampoo', ...others.map((name) => name.toUpperCase())].join(' and ')}`,
});

const alike = (names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, name]));

const longTypes = { float32: 'f32', float64: 'f64', bfloat16: 'bf16' };

const dims: readonly OlmaxKey[] = [
  { key: 'dims.vocab', kind: 'count', only: 256, note: 'models here read bytes: 256' },
  { key: 'dims.sequence', kind: 'count', to: 'model.contextLength', standard: 4096 },
  { key: 'dims.batch', kind: 'count', to: 'train.batchSize', standard: 512 },
  { key: 'dims.features', kind: 'count', to: 'model.features', standard: 256 },
  { key: 'dims.pointwiseFeatures', kind: 'count', to: 'model.pointwiseFeatures', standard: 512 },
  { key: 'dims.pointwiseKernel', kind: 'count', to: 'model.pointwiseKernel', standard: 5 },
  { key: 'dims.innerBottleneckFeatures', kind: 'count', to: 'model.innerBottleneckFeatures', standard: 128 },
  { key: 'dims.outerBottleneckKernel', kind: 'count', to: 'model.outerBottleneckKernel', standard: 25 },
  { key: 'dims.innerBottleneckKernel', kind: 'count', to: 'model.innerBottleneckKernel', standard: 49 },
  { key: 'dims.spatialMixingKernel', kind: 'count', to: 'model.spatialMixingKernel', standard: 512 },
  { key: 'dims.depth', kind: 'count', to: 'model.depth', standard: 8 },
  { key: 'dims.heads', kind: 'count', note: 'the mixer has none; attention is model.mixing and model.heads' },
];

const model: readonly OlmaxKey[] = [
  { key: 'model.devices', also: ['deviceCount'], kind: 'count', to: 'model.devices', note: 'simulated here' },
  {
    key: 'model.leakySlope',
    also: ['leakyReluSlope', 'slope'],
    kind: 'number',
    to: 'model.leakySlope',
    standard: 0.01,
  },
  { key: 'model.convScale', kind: 'number', only: 4, note: 'the factors of taps have 4 here' },
  { key: 'model.convShift', kind: 'number', only: 8, note: 'the factors of taps have 8 here' },
  { key: 'model.eps', also: ['epsilon', 'normEps'], kind: 'number', only: 1e-16, note: 'norms have 1e-16 here' },
  { key: 'model.autoregressive', kind: 'flag', only: true, note: 'models here are causal' },
  { key: 'model.weightSharing', kind: 'flag', only: false, note: 'the middle convolution of the bottleneck is shared' },
  {
    key: 'model.storageDtype',
    ...{ kind: 'text', values: alike(Object.keys(longTypes)), only: 'float32', note: 'parameters are float32 here' },
  },
  {
    key: 'model.computationDtype',
    ...{ kind: 'text', values: alike(Object.keys(longTypes)), only: 'float32' },
    note: 'this family computes in float32; precision bf16 is of the bit transformer',
  },
  { key: 'model.rezero', also: ['rezeroLearningRateScale'], kind: 'number', note: 'there is no rezero' },
  { key: 'model.qrnnFrequency', also: ['qrnn'], kind: 'count', note: 'there is no QRNN' },
  { key: 'model.activationStd', kind: 'number', note: 'activations are not scaled' },
];

const optimizer: readonly OlmaxKey[] = [
  {
    key: 'optimizer.type',
    also: ['optimizer', 'name'],
    ...{ kind: 'text', to: 'train.optimizer', standard: 'tgAdam', values: alike(optimizerNames) },
    note: 'tgAdam, shampoo, or another one by its name here',
  },
  { key: 'optimizer.learningRate', kind: 'number', to: 'train.learningRate', standard: 0.01 },
  {
    key: 'optimizer.warmupEnd',
    also: ['warmup', 'warmupSteps'],
    ...{ kind: 'count', to: 'train.warmupSteps', standard: 16384 },
  },
  {
    key: 'optimizer.exponentialDecay',
    also: ['learningRateDecay'],
    ...{ kind: 'number', to: 'train.rateDecay', standard: 3e-6, note: 'with train.schedule exponential' },
  },
  {
    key: 'optimizer.weightDecay',
    also: ['decay'],
    ...{ kind: 'number', to: 'train.weightDecay', standard: 0.01 },
    note: 'of all matrices; Olmax in fact decays the embeddings alone: train.decayNames [embedding, projection]',
  },
  { key: 'optimizer.decayNames', kind: 'list', to: 'train.decayNames', note: 'parts of paths of parameters here' },
  {
    key: 'optimizer.gradientClip',
    also: ['clip', 'gradientClipping'],
    ...{ kind: 'number', to: 'train.clipRatio', standard: 0.001, note: 'with train.clipKind weight' },
  },
  beta('adamBeta1', 'beta1', 0, 0.03),
  beta('adamBeta2', 'beta2', 1, 0.003),
  beta('adamBeta3', 'beta3', 2, 0.001),
  {
    key: 'optimizer.momentumType',
    also: ['momentumKind'],
    ...{ kind: 'text', to: 'train.momentumKind', standard: 'debiased', values: alike(momentumKinds) },
    ...{ readBy: ['tgAdam'], note: 'of tgAdam' },
  },
  {
    key: 'optimizer.momentumDtype',
    also: ['stateType'],
    ...{ kind: 'text', to: 'train.stateType', standard: 'float32', values: { ...longTypes, ...alike(stateTypes) } },
    ...{ readBy: ['tgAdam'], note: 'float32, float64 or bfloat16; of tgAdam' },
  },
  ofShampoo('blockSize', 'preconditionBlock'),
  ofShampoo('statisticsComputeSteps', 'statisticsEvery'),
  ofShampoo('preconditioningComputeSteps', 'preconditionEvery', 'soap'),
  ofShampoo('startPreconditioningStep', 'preconditionFrom'),
  { ...ofShampoo('skipPreconditioningDimSizeGt', 'preconditionSkip', 'soap'), also: ['skipPreconditioningDimSize'] },
];

const training: readonly OlmaxKey[] = [
  { key: 'training.steps', kind: 'count', to: 'train.steps', standard: 65536 },
  { key: 'training.deviceSteps', kind: 'count', to: 'train.stepsPerCall', standard: 4 },
  { key: 'training.zLoss', kind: 'number', to: 'model.zLoss', standard: 0.01, note: '0 with model.head tree' },
  { key: 'training.checkpointInterval', kind: 'count', to: 'train.checkpointEvery', standard: 16384 },
  { key: 'training.printInterval', kind: 'count', to: 'train.logEvery' },
  { key: 'training.doCheckpoint', kind: 'flag', only: true, note: 'runs are always saved, at their ends at least' },
  { key: 'training.checkpointPath', kind: 'text', note: 'runs lie in run.root, by run.name' },
  {
    key: 'training.checkpointLoadPath',
    kind: 'text',
    note: 'its checkpoints cannot be read; init.from takes one of nonet',
  },
  { key: 'training.deviceUnroll', kind: 'count', note: 'steps of a call are not unrolled' },
  { key: 'training.debug', kind: 'flag', only: false, note: 'there is no such mode' },
  { key: 'trace.enabled', also: ['doTrace'], kind: 'flag', to: 'trace.enabled' },
  { key: 'trace.start', also: ['startStep'], kind: 'count', to: 'trace.start' },
  { key: 'trace.stop', also: ['stopStep'], kind: 'count', to: 'trace.stop' },
  { key: 'trace.path', also: ['outputPath'], kind: 'text', to: 'trace.outputPath' },
];

const data: readonly OlmaxKey[] = [
  { key: 'data.path', kind: 'text', to: 'data.path', note: 'copy what lies in an object store to files first' },
  {
    key: 'data.debug',
    ...{ kind: 'flag', to: 'data.path', note: 'true is debug:1000000, whatever the path is; it needs no file' },
    convert: (debug: boolean, before: unknown) => (debug ? 'debug:1000000' : before),
  },
  { key: 'data.interleavedDatasets', kind: 'count', to: 'data.interleave', standard: 2 },
  {
    key: 'data.shuffleBufferGb',
    also: ['shuffleBuffer', 'shuffleGb'],
    ...{
      kind: 'number',
      to: 'data.shuffleBytes',
      standard: 64,
      convert: (gb: number) => Math.max(1, Math.round(gb * 1e9)),
    },
    note: 'times 1e9; for 0, which shuffles nothing, it is 1',
  },
  { key: 'data.parallelWorkers', also: ['workers'], kind: 'count', to: 'data.workers', standard: 2 },
  { key: 'data.seed', kind: 'count', to: 'seed', note: 'one seed for all' },
  { key: 'data.prefetchBuffer', also: ['prefetch'], kind: 'count', note: 'each worker makes two batches ahead' },
  { key: 'data.datasetsPerStep', also: ['dataSets'], kind: 'count', note: 'a step reads from data.interleave files' },
  { key: 'data.deterministic', kind: 'flag', only: true, note: 'the order of data always is a function of the seed' },
];

const rest: readonly OlmaxKey[] = [
  { key: 'seed', kind: 'count', to: 'seed', note: 'of 0 to 2147483647' },
  { key: 'eval.eos', kind: 'count', note: "nonet generate --stop $'\\x04' ends at that byte" },
  { key: 'eval.cacheData', kind: 'flag', note: 'generation always keeps what it can' },
  ...(
    [
      ['temperature', '--temperature'],
      ['topK', '--top-k'],
      ['topP', '--top-p'],
      ['typicalMass', '--typical-mass'],
      ['maxTokens', '--top-k'],
      ['maxProbabilityMass', '--top-p'],
      ['maxProbabilityToFilter', '--min-probability'],
      ['adaptiveFilterScale', '--top-a-scale'],
      ['adaptiveFilterPower', '--top-a-power'],
      ['length', '--bytes'],
    ] as const
  ).map(([name, option]) => ({ key: `eval.${name}`, kind: 'number' as const, note: `nonet generate ${option}` })),
  { key: 'wandb.useWandb', kind: 'flag', only: false, note: 'train.tensorboard writes event files' },
  { key: 'wandb.project', kind: 'text', note: 'runs are kept in run.root' },
  { key: 'wandb.group', kind: 'text', note: 'runs are kept in run.root' },
  { key: 'wandb.entity', kind: 'text', note: 'runs are kept in run.root' },
  { key: 'wandb.name', kind: 'text', to: 'run.name' },
  { key: 'wandb.logFrequency', kind: 'count', note: 'train.logEvery has rows of metrics.jsonl' },
  { key: 'wandb.medianSizes', kind: 'list', note: 'medians are over 64, 256 and 1024 steps' },
];

/** All keys that are known: what the converter reads and docs/olmax-config.md tells. */
export const olmaxKeys: readonly OlmaxKey[] = [...data, ...dims, ...model, ...optimizer, ...training, ...rest];
