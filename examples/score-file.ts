/**
 * How surprising is every byte of a file? Trains a small model on the first four fifths of a file for some seconds,
 * measures bits per byte on the rest, and names the lines that it found hardest.
 *
 * Argument: the file; this program itself unless told.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  BitTransformer,
  bitWeights,
  compile,
  createBatcher,
  defaultExecutor,
  evaluationWindows,
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

const bytes = new Uint8Array(readFileSync(process.argv[2] ?? fileURLToPath(import.meta.url)));
const split = Math.floor(bytes.length * 0.8);
const [known, unknown] = [bytes.subarray(0, split), bytes.subarray(split)];
const [bitsPerPatch, contextLength, batchSize, steps] = [8, 64, 8, 80];
const model = new BitTransformer({ layers: 2, dModel: 64, heads: 2, feedForward: 176, bitsPerPatch, contextLength });

const trainStep = compile(
  (state: Training, input: { patches: Tensor; step: Tensor; learningRate: Tensor }) => {
    const lossOf = (parameters: Weights) => nn.bind(model, parameters, () => model.loss(input.patches));
    const [loss, gradients] = valueAndGrad(lossOf)(state.parameters);
    return { state: optim.adamW({ ...state, gradients }, input), loss };
  },
  { donate: 'state' },
);
/** Nats of every bit of every target: i32 [rows, contextLength] twice to f32 [rows, contextLength, bitsPerPatch]. */
const costs = compile((state: Training, { inputs, targets }: { inputs: Tensor; targets: Tensor }) =>
  nn.bind(model, state.parameters, () => model.bitCosts(inputs, targets)),
);
const initialize = compile(
  (_: Training, source: { seed: Tensor; step: Tensor }) => ({
    state: { parameters: nn.initialParameters(model, source) },
  }),
  { donate: 'state' },
);

const types = nn.parameterTypes(model);
const empty = State.create(defaultExecutor(), { parameters: types, first: types, second: types });
let { state } = await initialize(empty, { seed: scalar(1, 'i32'), step: scalar(0, 'i32') });
const layout = { bitsPerPatch, parity: false, contextLength };
const batcher = createBatcher({ ...layout, store: memoryStore(known), batchSize, seed: 1 });
for (let step = 0; step < steps; step++) {
  const patches = hostArray(batcher.batch(step).patches, [batchSize, contextLength + 1]);
  const learningRate = optim.cosineRate({ learningRate: 3e-3, warmupSteps: 10 }, step, steps);
  ({ state } = await trainStep(state, { patches, learningRate, step: scalar(step + 1, 'i32') }));
}

// Windows that do not overlap; the first byte has nothing before it and costs 8 bits by definition.
const surprise = new Float64Array(unknown.length);
surprise[0] = 8;
const rows = 4;
for (const batch of evaluationWindows({ ...layout, store: memoryStore(unknown) }).batches(rows)) {
  const shape = [rows, contextLength];
  const nats = await costs(state, { inputs: hostArray(batch.inputs, shape), targets: hostArray(batch.targets, shape) });
  bitWeights(batch.payloadMasks, bitsPerPatch).forEach((weight, i) => {
    if (weight === 0) return;
    const [row, bit] = [Math.floor(i / (contextLength * bitsPerPatch)), i % (contextLength * bitsPerPatch)];
    surprise[Math.floor((batch.firstTargetBits[row]! + bit) / 8)]! += nats.data[i] / Math.LN2;
  });
}
state.free();

const total = surprise.reduce((sum, bits) => sum + bits, 0);
console.log(`${(total / unknown.length).toFixed(2)} bits per byte over the last ${unknown.length} bytes`);

let start = 0;
const lines = new TextDecoder()
  .decode(unknown)
  .split('\n')
  .map((line) => {
    const length = new TextEncoder().encode(line).length;
    const bits = surprise.subarray(start, start + length).reduce((sum, byte) => sum + byte, 0);
    start += length + 1;
    return { line: line.trim(), perByte: bits / Math.max(1, length) };
  });
const hardest = lines.filter(({ line }) => line.length > 20).sort((a, b) => b.perByte - a.perByte);
for (const { line, perByte } of hardest.slice(0, 3)) console.log(`${perByte.toFixed(2)}  ${line.slice(0, 90)}`);
