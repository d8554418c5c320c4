/**
 * A model and a loss of one's own: a small network learns whether the number of ones among eight bits is odd. All 256
 * examples are a constant of the program, and 300 optimizer steps are one call into the engine.
 */
import {
  compile,
  defaultExecutor,
  grad,
  hostArray,
  nn,
  ops,
  optim,
  State,
  scalar,
  type Tensor,
  valueAndGrad,
} from 'nonet';

// A layer is a class whose fields are parameters or other layers; their paths are the names of the weights.
class ParityNetwork {
  readonly hidden = new nn.Linear({ inputs: 8, outputs: 64, initializer: { kind: 'normal', deviation: 0.7 } });
  readonly output = new nn.Linear({ inputs: 64, outputs: 1, initializer: { kind: 'normal', deviation: 0.1 } });

  /** bits [examples, 8] to logits [examples, 1] */
  forward(bits: Tensor): Tensor {
    return this.output.forward(ops.tanh(this.hidden.forward(bits)));
  }
}

const examples = Array.from({ length: 256 }, (_, byte) => Array.from({ length: 8 }, (_, bit) => (byte >> bit) & 1));
const signs = examples.flat().map((bit) => 2 * bit - 1);
const odd = examples.map((bits) => bits.reduce((sum, bit) => sum ^ bit, 0));

const network = new ParityNetwork();
console.log(
  nn
    .parametersOf(network)
    .map(({ path, parameter }) => `${path} [${parameter.shape}]`)
    .join(', '),
);

type Weights = ops.Tree<Tensor>;
interface Training {
  readonly parameters: Weights;
  readonly first: Weights;
  readonly second: Weights;
}

const logits = (parameters: Weights): Tensor =>
  nn.bind(network, parameters, () => network.forward(ops.constantArray(signs, [256, 8])));

/** Mean of -ln of the probability of the right answer. */
const lossOf = (parameters: Weights): Tensor => {
  const towards = ops.constantArray(
    odd.map((bit) => 1 - 2 * bit),
    [256, 1],
  );
  return ops.mean(ops.softplus(ops.mul(logits(parameters), towards)), { axes: [0, 1] });
};

const initialize = compile(
  (_: Training, source: { seed: Tensor; step: Tensor }) => ({
    state: { parameters: nn.initialParameters(network, source) },
  }),
  { donate: 'state' },
);
const trainStep = compile(
  (state: Training, { step }: { step: Tensor }) => {
    const [loss, gradients] = valueAndGrad(lossOf)(state.parameters);
    const learningRate = ops.constant(0.02);
    return { state: optim.adamW({ ...state, gradients }, { learningRate, step, weightDecay: 0 }), loss };
  },
  { donate: 'state' },
);
const answer = compile((state: Training) => ops.less(0, logits(state.parameters)));

const types = nn.parameterTypes(network);
const empty = State.create(defaultExecutor(), { parameters: types, first: types, second: types });
let { state } = await initialize(empty, { seed: scalar(3, 'i32'), step: scalar(0, 'i32') });

// Inputs of repeated steps have a new first dimension, and so have the losses that come back.
const steps = 300;
const numbers = Int32Array.from({ length: steps }, (_, i) => i + 1);
const result = await trainStep.repeat(steps, state, { step: hostArray(numbers) });
state = result.state;
const losses: number[] = Array.from(result.loss.data);
console.log(`loss ${losses[0]?.toFixed(3)} before, ${losses[steps - 1]?.toFixed(3)} after ${steps} steps`);

const { data } = await answer(state);
const right = odd.filter((bit, i) => data[i] === bit).length;
console.log(`${right} of 256 answers are right`);
state.free();

// Gradients are ordinary graph ops, so they nest: the second derivative of x^3 at 2 is 12.
const cube = (x: Tensor): Tensor => ops.mul(ops.mul(x, x), x);
const second = compile((x: Tensor) => grad((y: Tensor) => grad(cube)(y))(x));
console.log(`second derivative of x^3 at 2: ${(await second(2)).item()}`);
