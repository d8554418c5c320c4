import { errorLogits, type LanguageModel, type Pondered, type Routed, type StreamWindow } from '../models/index.js';
import {
  add,
  cast,
  constantArray,
  elementCount,
  exp,
  mul,
  type RandomSource,
  scope,
  slice,
  softplus,
  stopGradient,
  sub,
  sum,
  type Tensor,
  type Tree,
} from '../tensor/index.js';

export interface LossOptions {
  /** Whether every byte is followed by a parity bit, which the payload loss leaves out. */
  readonly parity?: boolean;
  /** Share of each bit's truth that is given to both values alike, 0 unless told. */
  readonly labelSmoothing?: number;
  /** What a block costs for each position, in nats per bit; of models with `act`. */
  readonly ponderWeight?: number;
  /** How much more of that sure positions pay: the power of the probability of what comes next, 0 unless told. */
  readonly ponderFocus?: number;
  /** Weight of the balance losses of the blocks; of models with experts. */
  readonly balanceWeight?: number;
  /** Weight of the z-losses of their gates. */
  readonly routerZWeight?: number;
}

export interface Losses {
  /** What is minimised: over all bits, with all that is added. */
  readonly minimised: Tensor;
  /** What is shown: over the bits of payload, without smoothing. */
  readonly shown: Tensor;
  /** Share of patches that were predicted right; of models that predict them as a whole. */
  readonly accuracy?: Tensor;
  /** With experts: share of each one in each block, f32 [layers, experts]. */
  readonly expertUsage?: Tensor;
  /** Of a window of streams: what it leaves to the next one. */
  readonly carried?: Tree<Tensor>;
}

/**
 * Losses in mean nats per bit; of a window of streams with `stream`.
 *
 * With smoothing e the truth of a bit is 1 - e/2 for its value and e/2 for the other one (Szegedy et al. 2016). With z the
 * logit of the other one, that costs `(1 - e/2) softplus(z) + e/2 softplus(-z) = softplus(z) - e/2 z`.
 *
 * A model that halts pays for the blocks that positions ran through and for what was left for the last of them (Graves 2016),
 * with a focus more where it is sure of what comes.
 * One with experts pays for using them unevenly and for large logits of its gates; see routing.ts of the model.
 */
export const lossesOf = (
  model: LanguageModel,
  patches: Tensor,
  random: RandomSource,
  options: LossOptions,
  stream?: StreamWindow,
): Losses => {
  const { parity = false, labelSmoothing = 0, balanceWeight = 0, routerZWeight = 0 } = options;
  const { ponderWeight = 0, ponderFocus = 0 } = options;
  const { bitsPerPatch } = model;
  const { act, experts } = model.traits;
  const hasParity = parity && frameBits % bitsPerPatch === 0;
  if (!hasParity && labelSmoothing === 0 && !act && experts === 0 && !stream) {
    const { loss, accuracy } = model.losses(patches, { random });
    return { minimised: loss, shown: loss, ...(accuracy && { accuracy }) };
  }
  const length = patches.shape[1]! - 1;
  const [inputs, targets] = [slice(patches, { axis: 1, end: length }), slice(patches, { axis: 1, start: 1 })];
  const { nodes, pondered, routed, carried } = model.forward(inputs, { random, stream });
  const errors = scope('loss', () => errorLogits(nodes, targets, bitsPerPatch)); // [B, C, P]
  const losses = scope('loss', () => {
    const costs = cast(softplus(errors), 'f64');
    const smoothed = labelSmoothing === 0 ? costs : sub(costs, mul(cast(errors, 'f64'), labelSmoothing / 2));
    // Windows start at bytes, so the place of a bit in its frame is known: the targets start one patch later.
    const isPayload = (i: number): boolean => !hasParity || (i + bitsPerPatch) % frameBits !== frameBits - 1;
    const mask = Float64Array.from({ length: length * bitsPerPatch }, (_, i) => Number(isPayload(i)));
    const share = (of: Tensor, count: number): Tensor => cast(mul(sum(of), 1 / (patches.shape[0]! * count)), 'f32');
    const payload = hasParity ? mul(costs, constantArray(mask, [length, bitsPerPatch], 'f64')) : costs;
    const payloadBits = mask.reduce((total, one) => total + one, 0);
    const loss = share(smoothed, mask.length);
    const more = [
      ...(pondered ? [mul(ponderCost(pondered, costs, ponderFocus), ponderWeight)] : []),
      ...(routed ? [routingCost(routed, balanceWeight, routerZWeight)] : []),
    ];
    const minimised = more.reduce((sum, cost) => add(sum, cost), loss);
    const shown = share(payload, payloadBits);
    return { minimised, shown, ...(routed && { expertUsage: routed.usage }) };
  });
  return { ...losses, ...(carried && { carried }) };
};

/**
 * Blocks run plus remainder, the mean over positions: an f32 scalar. `costs` f64 [B, C, P] are the nats of their bits. With a
 * focus each position is weighed by a power of the probability of a byte whose bits cost what those of its patch do on
 * average, so that patches of all sizes are weighed alike; no gradient goes into it.
 */
const ponderCost = ({ depth, remainder }: Pondered, costs: Tensor, focus: number): Tensor => {
  const paid = cast(add(depth, remainder), 'f64');
  const bytes = 8 / costs.shape.at(-1)!;
  const weighed = focus === 0 ? paid : mul(paid, stopGradient(exp(mul(sum(costs, { axes: [-1] }), -focus * bytes))));
  return cast(mul(sum(weighed), 1 / elementCount(depth.shape)), 'f32');
};

const routingCost = ({ balance, z }: Routed, balanceWeight: number, routerZWeight: number): Tensor =>
  add(mul(balance, balanceWeight), mul(z, routerZWeight));

/** A byte and its parity bit. */
const frameBits = 9;
