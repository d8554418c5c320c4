/** One switch: a key of the configuration and values that random combinations take; `undefined` leaves it to the preset. */
export interface Switch {
  readonly key: string;
  readonly values: readonly unknown[];
  /** Where it fits what was drawn before it; elsewhere it is left to the preset, but for one time in fifteen. */
  readonly fits?: (of: Combination) => boolean;
}

/** A combination: values by key. */
export type Combination = Readonly<Record<string, unknown>>;

const withExperts = (of: Combination): boolean => of['model.experts'] !== 0;

const both = [false, true];

/** Every key that changes what is computed. A new one is one line here; `combinations.test.ts` misses it otherwise. */
export const switches: readonly Switch[] = [
  { key: 'precision', values: ['float32', 'float32', 'bf16'] },
  { key: 'data.parity', values: [false, false, true] },
  { key: 'model.preset', values: ['nano', 'classic'] },
  { key: 'model.bitsPerPatch', values: [1, 1, 2, 4, 8] },
  { key: 'model.layers', values: [1, 1, 2, 3] },
  { key: 'model.dModel', values: [16, 24] },
  { key: 'model.heads', values: [1, 2, 4] },
  { key: 'model.feedForward', values: [16, 40] },
  { key: 'model.activation', values: [undefined, 'gelu', 'swiglu', 'reluSquared'] },
  { key: 'model.norm', values: [undefined, 'layer', 'rms'] },
  { key: 'model.positions', values: [undefined, 'sinusoidal', 'rotary', 'learned'] },
  { key: 'model.finalNorm', values: [undefined, ...both] },
  { key: 'model.tiedHead', values: [...both, false] },
  { key: 'model.biases', values: [undefined, ...both] },
  { key: 'model.dropout', values: [0, 0.2] },
  { key: 'model.rank', values: [0, 0, 4] },
  { key: 'model.experts', values: [0, 0, 3] },
  { key: 'model.expertsPerToken', values: [1, 2], fits: withExperts },
  { key: 'model.gateLayers', values: [1, 2], fits: withExperts },
  { key: 'model.softExperts', values: [...both, false], fits: withExperts },
  { key: 'model.recompute', values: ['none', 'block', 'segment'] },
  { key: 'model.reversible', values: both },
  { key: 'model.act', values: both },
  { key: 'model.actThreshold', values: [0.5, 0.99] },
  { key: 'model.contextLength', values: [20, 24] },
  { key: 'model.chunkSize', values: [0, 4, 7] },
  { key: 'model.overlap', values: [0, 3, 16] },
  { key: 'model.classicHead', values: [false, false, true] },
  { key: 'train.epochs', values: [undefined, undefined, 1] },
  { key: 'train.extraSteps', values: [0, 0, 0, 1] },
  {
    key: 'train.compression',
    values: [undefined, undefined, { end: 1 }, { start: 0.6, end: 1, steps: 3, direct: 0.5 }],
  },
  { key: 'train.batchSize', values: [3, 8] },
  { key: 'train.accumulation', values: [1, 2] },
  {
    key: 'train.optimizer',
    values: ['adamw', 'muon', 'lion', 'adaptiveLion', 'adafactor', 'sgd', 'tgAdam', 'shampoo', 'soap'],
  },
  { key: 'train.betas', values: [[0.9, 0.99] as const, [0.8, 0.95] as const] },
  { key: 'train.epsilon', values: [1e-8, 1e-6] },
  { key: 'train.momentum', values: [0, 0.9] },
  { key: 'train.nesterov', values: both },
  { key: 'train.muonRate', values: [5, 20] },
  { key: 'train.relativeStep', values: both },
  { key: 'train.tgBetas', values: [[0.97, 0.997, 0.999] as const, [0.5, 0.9, 0.9] as const] },
  { key: 'train.momentumKind', values: ['debiased', 'ema', 'heavyball', 'nesterov'] },
  { key: 'train.stateType', values: ['f32', 'f64', 'bf16'] },
  { key: 'train.preconditionBlock', values: [16, 512] },
  { key: 'train.preconditionSkip', values: [20, 1024] },
  { key: 'train.preconditionFrom', values: [0, 2] },
  { key: 'train.preconditionEvery', values: [undefined, 1, 2] },
  { key: 'train.statisticsEvery', values: [1, 4] },
  { key: 'train.decayNames', values: [undefined, undefined, ['embedding.weight'] as const] },
  { key: 'train.weightDecay', values: [0, 0.1] },
  { key: 'train.clipKind', values: ['norm', 'value', 'adaptive', 'weight'] },
  { key: 'train.clipRatio', values: [0.1, 1] },
  { key: 'train.clip', values: [0.1, 1] },
  { key: 'train.clipFactor', values: [1.5, 2] },
  { key: 'train.clipBeta', values: [0.5, 0.98] },
  { key: 'train.learningRate', values: [1e-3, 3e-3] },
  { key: 'train.minLearningRate', values: [0, 1e-4] },
  {
    key: 'train.schedule',
    values: ['constant', 'cosine', 'cosineRestarts', 'linear', 'oneCycle', 'progressivePlateau', 'exponential'],
  },
  { key: 'train.rateDecay', values: [3e-6, 0.1] },
  { key: 'train.warmupSteps', values: [0, 2] },
  { key: 'train.warmupShare', values: [0, 0.5] },
  { key: 'train.finalDivisor', values: [1, 1e4] },
  { key: 'train.restartPeriod', values: [undefined, 2] },
  { key: 'train.restartMultiplier', values: [1, 2] },
  { key: 'train.plateauPatience', values: [1, 2] },
  { key: 'train.plateauMinChange', values: [0, 9] },
  { key: 'train.plateauWarmupSteps', values: [0, 2] },
  { key: 'train.labelSmoothing', values: [0, 0.1] },
  { key: 'train.ponderWeight', values: [0, 0.01] },
  { key: 'train.ponderFocus', values: [0, 2] },
  { key: 'train.balanceWeight', values: [0, 0.01] },
  { key: 'train.routerZWeight', values: [0, 0.001] },
  { key: 'train.earlyStopping', values: [0, 0, 5] },
  { key: 'train.spike', values: ['off', 'skip', 'rewind'] },
  { key: 'train.spikeFactor', values: [1.5, 3] },
  { key: 'train.evaluateEvery', values: [1, 1, 1, 0] },
  {
    key: 'train.stepsPerCall',
    values: [1, 3],
    fits: (of) => of['train.spike'] === 'off' && of['train.compression'] === undefined,
  },
  {
    key: 'train.stream',
    values: both,
    fits: (of) => refusalsOf({ ...of, 'train.stream': true }).length === 0,
  },
];

/** The same for models of the family olmax. */
export const olmaxSwitches: readonly Switch[] = [
  { key: 'model.contextLength', values: [32] },
  { key: 'model.features', values: [12] },
  { key: 'model.pointwiseFeatures', values: [16] },
  { key: 'model.pointwiseKernel', values: [1, 5] },
  { key: 'model.innerBottleneckFeatures', values: [6] },
  { key: 'model.outerBottleneckKernel', values: [1, 5] },
  { key: 'model.innerBottleneckKernel', values: [1, 5] },
  { key: 'model.spatialMixingKernel', values: [2, 16] },
  { key: 'model.depth', values: [3] },
  { key: 'model.devices', values: [2, 8] },
  { key: 'model.leakySlope', values: [0.2] },
  { key: 'model.normPlacement', values: ['pre', 'post'] },
  { key: 'model.norm', values: ['rms', 'layer'] },
  { key: 'model.mixing', values: ['attention', 'both', 'none'] },
  { key: 'model.heads', values: [2] },
  { key: 'model.reversible', values: [false] },
  { key: 'model.recompute', values: ['block'] },
  { key: 'model.initialisation', values: ['orthogonal'] },
  { key: 'model.learningRateFactors', values: ['mean', 'none'] },
  { key: 'model.head', values: ['tree'] },
  { key: 'model.zLoss', values: [0, 0.1] },
];

/** Keys of a run that are no switches of what is computed, or that another test combines; with the reason. */
export const apart: Readonly<Record<string, string>> = {
  'model.family': 'the switches of olmax are taken alone: test/switches-alone-olmax.test.ts',
  'train.steps': 'how long a run is',
  'train.minutes': 'is turned into steps by a clock',
  'train.evaluateBytes': 'how much is evaluated',
  'train.checkpointEvery': 'when the run is saved: the test sets it',
  'train.keepCheckpoints': 'what stays of checkpoints',
  'train.keepBest': 'what stays of checkpoints',
  'train.sampleEvery': 'writes text, changes no weight',
  'train.sampleBytes': 'writes text, changes no weight',
  'train.logEvery': 'what is written of metrics',
  'train.tensorboard': 'what is written of metrics',
  'model.fullAttentionLogging': 'what is written at evaluations',
  'adapter.rank': 'needs a trained run: test/adapters.test.ts',
  'adapter.alpha': 'needs a trained run: test/adapters.test.ts',
  'adapter.targets': 'needs a trained run: test/adapters.test.ts',
};

/** Combinations that must be refused, with what the message says. All others must work. */
export const refusals: readonly { readonly when: (of: Combination) => boolean; readonly message: RegExp }[] = [
  {
    when: (of) => of['model.classicHead'] === true && of['model.bitsPerPatch'] !== 1,
    message: /classicHead predicts one bit, but bitsPerPatch is \d; set classicHead: false/,
  },
  {
    when: (of) => of['model.classicHead'] === true && of['model.tiedHead'] === true,
    message: /classicHead and tiedHead exclude each other/,
  },
  {
    when: (of) => of['train.extraSteps'] !== 0 && of['train.epochs'] === undefined,
    message: /train.extraSteps: is 1, but there are no epochs: give train.epochs/,
  },
  {
    when: (of) =>
      of['train.evaluateEvery'] === 0 &&
      (of['train.schedule'] === 'progressivePlateau' || of['train.earlyStopping'] !== 0),
    message: /train.evaluateEvery: is 0, but train.\w+.* follows the evaluations/,
  },
  {
    when: (of) =>
      !withExperts(of) &&
      (of['model.softExperts'] === true || of['model.gateLayers'] === 2 || of['model.expertsPerToken'] === 2),
    message: /is set, but there are no experts; give their number/,
  },
  {
    when: (of) => withExperts(of) && of['model.softExperts'] === true && of['model.expertsPerToken'] === 2,
    message: /softExperts sends each position to all experts, but expertsPerToken is 2/,
  },
  {
    when: (of) => Number(of['train.stepsPerCall'] ?? 1) > 1 && of['train.compression'] !== undefined,
    message: /train.stepsPerCall: is 3, but the batches of train.compression/,
  },
  {
    when: (of) => Number(of['train.stepsPerCall'] ?? 1) > 1 && of['train.spike'] !== 'off',
    message: /train.stepsPerCall: is 3, but train.spike/,
  },
  { when: (of) => ofStream(of) && of['train.compression'] !== undefined, message: /train.compression changes what/ },
  { when: (of) => ofStream(of) && of['train.extraSteps'] !== 0, message: /train.extraSteps adds windows/ },
  { when: (of) => ofStream(of) && of['train.spike'] === 'rewind', message: /train.spike rewind goes on with other/ },
  { when: (of) => ofStream(of) && of['model.chunkSize'] === 0, message: /model.chunkSize is 0/ },
  { when: (of) => ofStream(of) && of['model.overlap'] === 0, message: /model.overlap is 0/ },
  { when: (of) => ofStream(of) && of['model.positions'] === 'learned', message: /model.positions learned ends/ },
  {
    when: (of) => ofStream(of) && of['data.parity'] === true && of['model.bitsPerPatch'] === 1,
    message: /with data.parity windows are whole bytes/,
  },
  {
    when: (of) => ofStream(of) && Number(of['model.contextLength']) % Number(of['model.chunkSize']) !== 0,
    message: /is no multiple of model.chunkSize/,
  },
];

/** What the refusal of a combination may say; empty where it must work. */
export const refusalsOf = (of: Combination): RegExp[] =>
  refusals.filter(({ when }) => when(of)).map(({ message }) => message);

const ofStream = (of: Combination): boolean => of['train.stream'] === true;

/** The configuration that a combination is, over what it does not say. */
export const treeOf = (combination: Combination, base: Readonly<Record<string, object>>) => {
  const tree: Record<string, unknown> = Object.fromEntries(
    Object.entries(base).map(([group, of]) => [group, { ...of }]),
  );
  for (const [key, value] of Object.entries(combination)) {
    if (value === undefined) continue;
    const [group = '', name] = key.split('.');
    if (name === undefined) tree[group] = value;
    else tree[group] = { ...(tree[group] as object | undefined), [name]: value };
  }
  return tree;
};
