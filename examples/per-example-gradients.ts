/**
 * Which examples does a model not believe? A small network learns to tell two groups of points apart, of which three carry
 * the wrong label. Then `vmap` gives the gradient of every example by itself, from a loss written for one; the largest
 * ones belong to the wrong labels.
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
  vmap,
} from 'nonet';

type Weights = ops.Tree<Tensor>;
interface Training {
  readonly parameters: Weights;
  readonly first: Weights;
  readonly second: Weights;
}

class Network {
  readonly hidden = new nn.Linear({ inputs: 2, outputs: 4, initializer: { kind: 'normal', deviation: 0.5 } });
  readonly output = new nn.Linear({ inputs: 4, outputs: 1, initializer: { kind: 'normal', deviation: 0.5 } });

  /** A point [1, 2] to its logit [1, 1] */
  forward(point: Tensor): Tensor {
    return this.output.forward(ops.tanh(this.hidden.forward(point)));
  }
}

const count = 64;
const wrong = [7, 20, 41];
// Two groups on either side of a line, along a spiral of angles so that no random numbers are needed.
const group = (i: number): number => (i % 2 === 0 ? 1 : -1);
const points = Float32Array.from({ length: 2 * count }, (_, at) => {
  const i = at >> 1;
  const angle = 2.4 * i;
  const radius = 0.8 * Math.sqrt(i / count);
  return at % 2 === 0 ? group(i) + radius * Math.cos(angle) : radius * Math.sin(angle);
});
const labels = Float32Array.from({ length: count }, (_, i) => (wrong.includes(i) ? -group(i) : group(i)));

const network = new Network();

/** -ln of the probability of the right label, of one point [2] with its label [] */
const lossOf = (weights: Weights, point: Tensor, label: Tensor): Tensor => {
  const logit = nn.bind(network, weights, () => network.forward(ops.reshape(point, [1, 2])));
  return ops.softplus(ops.neg(ops.mul(ops.reshape(logit, []), label)));
};

const initialize = compile(
  (_: Training, source: { seed: Tensor; step: Tensor }) => ({
    state: { parameters: nn.initialParameters(network, source) },
  }),
  { donate: 'state' },
);
const trainStep = compile(
  (state: Training, batch: { points: Tensor; labels: Tensor }, step: Tensor) => {
    const meanLoss = (weights: Weights): Tensor =>
      ops.mean(vmap(lossOf, { inAxes: [null, 0, 0] })(weights, batch.points, batch.labels));
    const [loss, gradients] = valueAndGrad(meanLoss)(state.parameters);
    const learningRate = ops.constant(0.05);
    return { state: optim.adamW({ ...state, gradients }, { learningRate, step, weightDecay: 0 }), loss };
  },
  { donate: 'state' },
);
/** Length of the gradient of every example. */
const gradientNorms = compile((state: Training, batch: { points: Tensor; labels: Tensor }) => {
  const norm = (point: Tensor, label: Tensor): Tensor => optim.globalNorm(grad(lossOf)(state.parameters, point, label));
  return vmap(norm)(batch.points, batch.labels);
});

const types = nn.parameterTypes(network);
const empty = State.create(defaultExecutor(), { parameters: types, first: types, second: types });
let { state } = await initialize(empty, { seed: scalar(1, 'i32'), step: scalar(0, 'i32') });
const batch = { points: hostArray(points, [count, 2]), labels: hostArray(labels) };
let loss = 0;
for (let step = 1; step <= 60; step++) {
  const result = await trainStep(state, batch, scalar(step, 'i32'));
  state = result.state;
  loss = result.loss.item();
}
console.log(`mean loss ${loss.toFixed(2)}`);

const norms: number[] = Array.from((await gradientNorms(state, batch)).data);
const order = norms.map((_, i) => i).sort((a, b) => norms[b]! - norms[a]!);
const largest = order.slice(0, wrong.length).sort((a, b) => a - b);
console.log(`largest gradients: examples ${largest.join(', ')}; wrong labels: ${wrong.join(', ')}`);
state.free();
