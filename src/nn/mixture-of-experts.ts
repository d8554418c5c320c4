import {
  add,
  argmax,
  broadcastTo,
  concat,
  div,
  elementCount,
  equal,
  expandDims,
  gather,
  iota,
  mul,
  reshape,
  scope,
  select,
  slice,
  softmax,
  sortByGroup,
  sum,
  type Tensor,
  transpose,
} from '../tensor/index.js';
import { ExpertGate } from './expert-gate.js';
import { ExpertLinear } from './expert-linear.js';
import { activate, type FeedForwardOptions, innerWidth } from './feed-forward.js';

export interface MixtureOptions extends FeedForwardOptions {
  readonly experts: number;
  /** Experts that a position goes to. */
  readonly perToken: number;
  readonly gateLayers: 1 | 2;
  /** Every position goes to every expert, and `perToken` says nothing. */
  readonly soft?: boolean;
}

/** Where positions go, for R of them and E experts. */
export interface Routing {
  /** f32 [R, E] */
  readonly logits: Tensor;
  /** Their softmax, f32 [R, E]. */
  readonly probabilities: Tensor;
  /** The experts of each position, the most probable first, i32 [R, 1] each; none in a soft mixture. */
  readonly chosen: readonly Tensor[];
}

/**
 * Feed-forward experts behind a gate (Shazeer et al. 2017). Each position goes to the k experts of the greatest gate
 * probability; what they say is weighted by these probabilities, which for k > 1 are scaled to add up to 1 and for k = 1 are
 * taken as they are, so that the gate learns from the loss (Fedus et al. 2021). No position is dropped and none depends on
 * another: rows are brought together by expert, and each expert's products take as many rows as it got (Gale et al. 2022).
 * A soft mixture runs every expert on every position and weighs all of them.
 */
export class MixtureOfExperts {
  readonly gate: ExpertGate;
  readonly up: ExpertLinear;
  readonly down: ExpertLinear;
  readonly options: MixtureOptions;

  constructor(options: MixtureOptions) {
    const { width, inner, activation, biases, residualDeviation, rank = 0, experts, gateLayers } = options;
    this.options = options;
    this.gate = new ExpertGate({ width, experts, layers: gateLayers });
    this.up = new ExpertLinear({ experts, inputs: width, outputs: innerWidth(activation, inner), bias: biases, rank });
    this.down = new ExpertLinear({
      ...{ experts, inputs: inner, outputs: width, bias: biases, rank },
      deviation: residualDeviation,
    });
  }

  /** Where x [..., width] goes. */
  route(x: Tensor): Routing {
    return scope('gate', () => {
      const logits = this.gate.forward(rowsOf(x));
      const probabilities = softmax(logits);
      const { soft = false, perToken } = this.options;
      return { logits, probabilities, chosen: soft ? [] : greatest(probabilities, perToken) };
    });
  }

  /** [..., width] to the same */
  forward(x: Tensor, routing: Routing = this.route(x)): Tensor {
    const rows = rowsOf(x);
    const mixed = this.options.soft ? this.mixAll(rows, routing) : this.mixChosen(rows, routing);
    return reshape(mixed, x.shape);
  }

  /** x [R, width] by the chosen experts alone. */
  private mixChosen(x: Tensor, { probabilities, chosen }: Routing): Tensor {
    const experts = chosen.length === 1 ? chosen[0]! : concat([...chosen], 1); // [R, k]
    const { rows, groups, places, sizes } = sortByGroup(experts, this.options.experts);
    const sorted = { experts: groups, sizes };
    const inner = this.up.forward(gather(x, rows), sorted); // [R, k, inner]
    const outputs = this.down.forward(activate(this.options.activation, inner), sorted);
    const flat = reshape(outputs, [elementCount(places.shape), x.shape[1]!]); // [R k, width]
    const own = chosen.map((one) => probabilityOf(probabilities, one)); // [R, 1] each
    const total = own.reduce((a, b) => add(a, b));
    return chosen
      .map((_, j) => {
        const place = reshape(slice(places, { axis: 1, start: j, end: j + 1 }), [x.shape[0]!]);
        const weight = own.length === 1 ? own[0]! : div(own[j]!, total);
        return mul(gather(flat, place), weight);
      })
      .reduce((a, b) => add(a, b));
  }

  /** x [R, width] by all experts. */
  private mixAll(x: Tensor, { probabilities }: Routing): Tensor {
    const { experts, activation } = this.options;
    const all = broadcastTo(expandDims(x, 0), [experts, ...x.shape]); // strides, no copies
    const outputs = this.down.forwardAll(activate(activation, this.up.forwardAll(all))); // [E, R, width]
    const weights = expandDims(transpose(probabilities, [1, 0]), -1); // [E, R, 1]
    return sum(mul(outputs, weights), { axes: [0] });
  }
}

const rowsOf = (x: Tensor): Tensor => reshape(x, [elementCount(x.shape.slice(0, -1)), x.shape.at(-1)!]);

/** Which of the columns the indices [R, 1] name: bool [R, columns]. */
const isColumn = (index: Tensor, columns: number): Tensor => equal(iota(columns), index);

/** The columns of the k greatest values of each row, the first of equal ones: i32 [R, 1] each. */
const greatest = (values: Tensor, k: number): Tensor[] => {
  const found: Tensor[] = [];
  let left = values; // [R, E]
  for (let j = 0; j < k; j++) {
    const index = expandDims(argmax(left), -1);
    found.push(index);
    left = select(isColumn(index, values.shape[1]!), -1, left);
  }
  return found;
};

/** Probabilities of the columns that are named, [R, 1]. */
const probabilityOf = (probabilities: Tensor, index: Tensor): Tensor =>
  sum(select(isColumn(index, probabilities.shape[1]!), probabilities, 0), { axes: [-1], keepDims: true });
