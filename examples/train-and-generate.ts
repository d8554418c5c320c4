/**
 * Trains a small byte model on one sentence, in memory and without a run folder, and lets it go on from a prompt.
 */
import {
  BitTransformer,
  compile,
  createBatcher,
  defaultExecutor,
  generate,
  hostArray,
  memoryStore,
  nn,
  type ops,
  optim,
  State,
  scalar,
  type Tensor,
  valueAndGrad,
} from 'nonet';

type Weights = ops.Tree<Tensor>;
interface Training {
  readonly parameters: Weights;
  readonly first: Weights;
  readonly second: Weights;
}

const sentence = 'Call me Ishmael. Some years ago, never mind how long precisely, I went to sea. ';
const [batchSize, contextLength, steps, seed] = [8, 32, 241, 1];

const bytes = new TextEncoder().encode(sentence.repeat(4));
const batcher = createBatcher({
  store: memoryStore(bytes),
  bitsPerPatch: 8,
  parity: false,
  contextLength,
  batchSize,
  seed,
});
const model = new BitTransformer({
  preset: 'nano',
  layers: 2,
  dModel: 64,
  heads: 2,
  feedForward: 176,
  contextLength,
});
console.log(`${nn.parameterCount(model)} parameters`);

// A state is a tree of tensors in the engine's memory: here the weights and the two moments of AdamW.
const types = nn.parameterTypes(model);
const empty = State.create(defaultExecutor(), { parameters: types, first: types, second: types });

const initialize = compile(
  (_: Training, source: { seed: Tensor; step: Tensor }) => ({
    state: { parameters: nn.initialParameters(model, source) },
  }),
  { donate: 'state' },
);
const trainStep = compile(
  (state: Training, input: { patches: Tensor; step: Tensor; learningRate: Tensor }) => {
    const lossOf = (parameters: Weights) => nn.bind(model, parameters, () => model.loss(input.patches));
    const [loss, gradients] = valueAndGrad(lossOf)(state.parameters);
    return { state: optim.adamW({ ...state, gradients }, { ...input, weightDecay: 0.1 }), loss };
  },
  { donate: 'state' },
);

let { state } = await initialize(empty, { seed: scalar(seed, 'i32'), step: scalar(0, 'i32') });
for (let step = 0; step < steps; step++) {
  const patches = hostArray(batcher.batch(step).patches, [batchSize, contextLength + 1]);
  const learningRate = optim.cosineRate({ learningRate: 5e-3, warmupSteps: 10 }, step, steps);
  const result = await trainStep(state, { patches, learningRate, step: scalar(step + 1, 'i32') });
  state = result.state;
  const bitsPerByte = (result.loss.item() * 8) / Math.LN2; // the loss is in nats per bit
  if (step % 80 === 0) console.log(`step ${step + 1}: ${bitsPerByte.toFixed(2)} bits per byte`);
}

const prompts = [new TextEncoder().encode('Some years')];
const { rows } = await generate(model, state, { prompts, maxBytes: 38, temperature: 0 });
console.log(`Some years${new TextDecoder().decode(rows[0]?.bytes)}`);
state.free();
