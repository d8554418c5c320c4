import { Parameter } from '../../nn/index.js';
import {
  add,
  cast,
  constant,
  lessEqual,
  logicalAnd,
  logicalNot,
  mul,
  reshape,
  scope,
  select,
  sigmoid,
  sub,
  sum,
  type Tensor,
} from '../../tensor/index.js';
import { type Branch, recompute } from '../../transform/index.js';
import type { BitTransformer } from './model.js';
import { type Routed, startRouted } from './routing.js';
import { closeStreams, openStreams, type Residual } from './streams.js';

/*
 * Adaptive computation time (Graves 2016). After each block a position halts with the probability p = sigmoid(w s + b) of
 * its state s. Where the sum h of these would reach the threshold, and at the last block in any case, it halts: that block
 * weighs what is left of 1, the blocks before it weigh their p, and the output is the weighted mean of the states. From then
 * on the state stays as it is; deeper blocks see it through its keys and values.
 */

/** What says after a block how likely a position halts. That of the last block is never asked. */
export class HaltingUnit {
  /** [width, 1] */
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(width: number) {
    this.weight = new Parameter([width, 1], { hidden: false });
    // p is 0.12 at first, so that up to nine blocks all run: each learns something before any is left out.
    this.bias = new Parameter([1], { initializer: { kind: 'constant', value: -2 } });
  }

  /** States [..., width] to probabilities [..., 1]. */
  forward(state: Tensor): Tensor {
    // A sum over rows runs where the state is made; a matrix product with one column would have to read it again.
    const products = mul(state, reshape(this.weight.value, [state.shape.at(-1)!]));
    return sigmoid(add(sum(products, { axes: [-1], keepDims: true }), this.bias.value));
  }
}

/** What came of the blocks so far, of shape [B, C, 1] each but for the output. */
export interface Halting {
  /** Positions that the next block works on, bool. */
  readonly running: Tensor;
  /** Sum of the probabilities, f32. */
  readonly total: Tensor;
  /** Blocks run, f32. */
  readonly depth: Tensor;
  /** The weight of the last block of a position that has halted, 0 until then, f32. */
  readonly remainder: Tensor;
  /** Weighted sum of states, f32 [B, C, dModel]. */
  readonly output: Tensor;
}

/** The streams between two blocks and, with `act`, what has halted; with experts, where positions went. */
export interface Walk {
  readonly streams: Residual;
  readonly halting?: Halting;
  readonly routed?: Routed;
}

/** The walk before the first block: x [B, C, dModel]. */
export const startWalk = ({ config }: BitTransformer, x: Tensor): Walk => {
  const streams = openStreams(x, config.reversible);
  const routed = config.experts > 0 ? { routed: startRouted(config) } : {};
  if (!config.act) return { streams, ...routed };
  const none = constant(0, [...x.shape.slice(0, -1), 1]);
  const running = constant(1, none.shape, 'bool');
  const halting = { running, total: none, depth: none, remainder: none, output: constant(0, x.shape) };
  return { streams, halting, ...routed };
};

/** States of the blocks that a walk went through: those of the last, or the mean that halting makes. */
export const endWalk = ({ streams, halting }: Walk): Tensor => halting?.output ?? closeStreams(streams);

/** Keeps what a branch adds away from positions that have halted. */
export type Mask = (branch: Branch) => Branch;

/** Takes a walk through block `i`, which `run` works out: each branch goes through the mask. */
export const walkThrough = (
  model: BitTransformer,
  i: number,
  { streams, halting, ...rest }: Walk,
  run: (streams: Residual, mask: Mask) => Residual,
): Walk =>
  scope(`blocks.${i}`, () => {
    if (!halting) return { streams: run(streams, (branch) => branch), ...rest };
    // In the backward pass of a rebuilt block the mask is the one of the forward pass: a value from outside of it.
    const mask: Mask = (branch) => (i === 0 ? branch : (x) => select(halting.running, branch(x), 0));
    const next = run(streams, mask);
    return { streams: next, halting: scope('halting', () => afterBlock(model, i, next, halting)), ...rest };
  });

/** What halting makes of the streams behind block `i`. */
export const afterBlock = (
  { blocks, config }: BitTransformer,
  i: number,
  streams: Residual,
  before: Halting,
): Halting => {
  const { running, total } = before;
  const { reversible, actThreshold } = config;
  // The mean of rebuilt streams is computed once more from them in the backward pass; it would be all that is kept.
  const spare: typeof recompute = reversible ? recompute : (f) => f;
  const stateOf = (of: readonly Tensor[]): Tensor => closeStreams(of as unknown as Residual);
  const unit = i < blocks.length - 1 ? blocks[i]!.halting! : undefined;
  const p = unit && spare((...of) => [unit.forward(stateOf(of))])(...streams)[0]!;
  const reaches = p && lessEqual(actThreshold, add(total, p)); // at the last block all do
  const rest = sub(1, total);
  const [output] = spare((sum, left, ...of) => {
    const state = stateOf(of);
    // The backward pass multiplies its cotangent by the weights. It could do so for all blocks at once, and then would have to
    // keep the products; with a weight that waits for the rebuilt state it cannot.
    const share = unit && (reversible ? unit.forward(state) : p!);
    const weight = select(running, share ? select(reaches!, left!, share) : left!, 0);
    return [add(sum!, mul(weight, state))];
  })(before.output, rest, ...streams);
  return { ...counted(before, p, reaches), output: output! };
};

/** All but the output. */
const counted = (
  { running, total, depth, remainder }: Halting,
  p: Tensor | undefined,
  reaches: Tensor | undefined,
): Omit<Halting, 'output'> => {
  const rest = sub(1, total);
  const run = add(depth, cast(running, 'f32'));
  if (!p || !reaches) return { running, total, depth: run, remainder: add(remainder, select(running, rest, 0)) };
  const goesOn = logicalAnd(running, logicalNot(reaches));
  return {
    running: goesOn,
    total: add(total, select(goesOn, p, 0)),
    depth: run,
    remainder: add(remainder, select(logicalAnd(running, reaches), rest, 0)),
  };
};

const fields = ['running', 'total', 'depth', 'remainder', 'output'] as const satisfies readonly (keyof Halting)[];

const routedFields = ['balance', 'z', 'usage'] as const satisfies readonly (keyof Routed)[];

/** A walk as plain values, for functions over lists of tensors. */
export const valuesOf = ({ streams, halting, routed }: Walk): Tensor[] => [
  ...streams,
  ...(halting ? fields.map((field) => halting[field]) : []),
  ...(routed ? routedFields.map((field) => routed[field]) : []),
];

/** The walk that such values make, of the form of another one. */
export const walkOf = (values: readonly Tensor[], { streams, halting, routed }: Walk): Walk => {
  const left = [...values];
  const named = (names: readonly string[]): unknown => Object.fromEntries(names.map((name) => [name, left.shift()!]));
  return {
    streams: left.splice(0, streams.length) as unknown as Residual,
    ...(halting && { halting: named(fields) as Halting }),
    ...(routed && { routed: named(routedFields) as Routed }),
  };
};
