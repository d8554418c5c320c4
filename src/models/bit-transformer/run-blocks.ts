import { type CarriedHeads, MixtureOfExperts, type Rotation, type Routing } from '../../nn/index.js';
import {
  abs,
  cast,
  constant,
  div,
  elementCount,
  max,
  maximum,
  mul,
  type RandomSource,
  reshape,
  scope,
  select,
  sub,
  type Tensor,
} from '../../tensor/index.js';
import { type Branch, couple, recompute, reversible, type Streams, uncouple } from '../../transform/index.js';
import type { Block } from './block.js';
import type { BitTransformerConfig } from './config.js';
import { skipHalted } from './decode-halting.js';
import { endWalk, type Halting, type Mask, startWalk, valuesOf, type Walk, walkOf, walkThrough } from './halting.js';
import type { BitTransformer } from './model.js';
import { addRouted, type Routed, routedBy } from './routing.js';
import { leftBehind } from './stream.js';
import { addBranches } from './streams.js';

export interface Sources {
  readonly rotation?: Rotation;
  readonly random?: RandomSource;
  /** See `ForwardOptions`. */
  readonly counted?: Tensor;
  /** Whether positions see no later ones; true unless told. */
  readonly causal?: boolean;
  /** What each block sees before the first position. */
  readonly carried?: readonly CarriedHeads[];
  /** Leaves out what halted positions would cost. There is no gradient then, and of experts nothing is told. */
  readonly skipHalted?: boolean;
}

/** States behind the blocks [batch, length, dModel]; with `act`, what halting made of them, with experts, where they went. */
export interface BlocksResult {
  readonly x: Tensor;
  readonly halting?: Halting;
  readonly routed?: Routed;
  /** With `skipHalted`, behind each block: what has been given out of the weights of a position, 1 once it has halted. */
  readonly haltProbs?: readonly Tensor[];
  /** With `carried`: keys and values of each block for the positions that follow, one after the other. */
  readonly left?: readonly Tensor[];
}

/** All blocks over x [batch, length, dModel], keeping for the backward pass what the configuration says. */
export const runBlocks = (model: BitTransformer, x: Tensor, sources: Sources): BlocksResult => {
  const { config } = model;
  const start = startWalk(model, x);
  if (config.act && sources.skipHalted) return runSkipping(model, start, sources);
  const left: Tensor[] = [];
  const end = config.reversible ? runCoupled(model, start, sources, left) : runSegments(model, start, sources, left);
  const { halting, routed } = end;
  return {
    x: endWalk(end),
    ...(halting && { halting }),
    ...(routed && { routed }),
    ...(sources.carried && { left }),
  };
};

const runSegments = (model: BitTransformer, start: Walk, sources: Sources, left: Tensor[]): Walk =>
  segments(model.config).reduce((walk, [from, to]) => {
    if (model.config.recompute === 'none') return runPlain(model, walk, { ...sources, from, to }, left);
    // What is computed again is the same bit for bit, and so are the masks.
    const values = recompute((...inside) => {
      const own: Tensor[] = [];
      return [...valuesOf(runPlain(model, walkOf(inside, walk), { ...sources, from, to }, own)), ...own];
    })(...valuesOf(walk));
    left.push(...values.slice(valuesOf(walk).length));
    return walkOf(values, walk);
  }, start);

const runPlain = (
  model: BitTransformer,
  start: Walk,
  { from, to, ...sources }: Sources & { readonly from: number; readonly to: number },
  left: Tensor[],
): Walk =>
  model.blocks.slice(from, to).reduce((before, block, n) => {
    const i = from + n;
    if (sources.carried) left.push(...leftBehind(model, i, before));
    let routed: Routed | undefined;
    const tell = (routing: Routing): void => {
      routed = routedBy(model.config, i, routing, countedIn(before, sources));
    };
    const after = walkThrough(model, i, before, (streams, mask) =>
      addBranches(streams, ...branchesOf(block, i, sources, { mask, tell })),
    );
    return withRouted(after, routed);
  }, start);

/** All blocks, of which those behind the first take the running positions alone. */
const runSkipping = (model: BitTransformer, start: Walk, sources: Sources): BlocksResult => {
  const { rotation, carried, causal } = sources;
  const left: Tensor[] = [];
  const haltProbs: Tensor[] = [];
  const skipping = (i: number, streams: Walk['streams'], halting: Halting): Walk => {
    const { attention } = model.blocks[i]!;
    if (carried) left.push(...leftBehind(model, i, { streams }));
    return skipHalted(model, i, { streams, halting }, (y) => {
      const kept = attention.keysAndValues(y, rotation);
      const sight = { causal, carried: carried?.[i] };
      return (queries, isLive) => attention.see({ q: attention.turn(queries, rotation), ...kept }, sight, isLive);
    });
  };
  const end = model.blocks.reduce((walk, _, i) => {
    const { streams, halting } = walk;
    // All positions run through the first block.
    const next =
      i > 0 && halting
        ? skipping(i, streams, halting)
        : runPlain(model, walk, { ...sources, from: i, to: i + 1 }, left);
    const { running, total } = next.halting!;
    // At the last block all halt.
    haltProbs.push(i === model.blocks.length - 1 ? constant(1, total.shape) : select(running, total, 1));
    return next;
  }, start);
  return { x: endWalk(end), halting: end.halting!, haltProbs, ...(carried && { left }) };
};

/** Of two streams only the last are kept; with `recompute` also a branch keeps nothing while it is differentiated. */
const runCoupled = (model: BitTransformer, start: Walk, sources: Sources, left: Tensor[]): Walk => {
  const spare = (branch: Branch): Branch =>
    model.config.recompute === 'none' ? branch : (x) => recompute((y) => [branch(y!)])(x)[0]!;
  return model.blocks.reduce((before, block, i) => {
    if (sources.carried) left.push(...leftBehind(model, i, before));
    const after = walkThrough(model, i, before, (streams, mask) => {
      const [attend, feed] = branchesOf(block, i, sources, { mask });
      return reversible(spare(attend), spare(feed), streams as Streams);
    });
    const isRouted = block.feedForward instanceof MixtureOfExperts;
    return isRouted ? withRouted(after, routedAgain(model, i, after, countedIn(before, sources))) : after;
  }, start);
};

/**
 * What happens inside of coupled streams is out of sight. But the second branch works on the first stream as it comes out, so
 * the gate can be asked once more, and in the backward pass again from the rebuilt stream: nothing is kept for it.
 */
const routedAgain = (model: BitTransformer, i: number, { streams }: Walk, counted: Tensor | undefined): Routed => {
  const ask = (x: Tensor): Tensor[] => {
    const routing = scope(`blocks.${i}`, () => model.blocks[i]!.routing(x));
    const { balance, z, usage } = routedBy(model.config, i, routing, counted);
    return [balance, z, usage];
  };
  const [balance, z, usage] = recompute((x) => ask(x!))(streams[0]) as [Tensor, Tensor, Tensor];
  return { balance, z, usage };
};

const withRouted = (walk: Walk, own: Routed | undefined): Walk =>
  walk.routed && own ? { ...walk, routed: addRouted(walk.routed, own) } : walk;

/** 1 for positions whose routing counts: those that go through the block, and that the caller counts. */
const countedIn = ({ halting }: Walk, { counted }: Sources): Tensor | undefined => {
  const running = halting && reshape(cast(halting.running, 'f32'), halting.running.shape.slice(0, 2));
  return running && counted ? mul(running, counted) : (running ?? counted);
};

const branchesOf = (
  block: Block,
  i: number,
  { rotation, random, causal, carried }: Sources,
  { mask, tell }: { readonly mask: Mask; readonly tell?: (routing: Routing) => void },
): readonly [attend: Branch, feed: Branch] => [
  mask((y) => block.attend(y, { rotation, random, causal, carried: carried?.[i] })),
  mask((y) => block.feed(y, random, tell)),
];

/**
 * How far the embedding x that a reversible model rebuilds from the outputs of its last block is from the true one: the
 * largest difference over the largest value, an f32 scalar.
 */
export const reconstructionError = (model: BitTransformer, x: Tensor, sources: Sources): Tensor => {
  const branches: (readonly [Branch, Branch])[] = [];
  const end = model.blocks.reduce(
    (walk, block, i) =>
      walkThrough(model, i, walk, (streams, mask) => {
        const [f, g] = branchesOf(block, i, sources, { mask });
        branches.push([f, g]);
        return couple(f, g, streams as Streams);
      }),
    startWalk(model, x),
  );
  const rebuilt = branches.reduceRight<Streams>((streams, [f, g]) => uncouple(f, g, streams), end.streams as Streams);
  const largest = (y: Tensor): Tensor => max(reshape(abs(y), [elementCount(y.shape)]));
  const error = rebuilt.map((y) => largest(sub(y, x))).reduce((a, b) => maximum(a, b));
  return div(error, largest(x));
};

/**
 * Runs of blocks [from, to) whose inputs alone are kept for the backward pass. With segments of about sqrt(layers) both
 * the inputs kept and the blocks at work at a time grow with that root (Chen et al. 2016).
 */
const segments = ({ layers, recompute: what }: BitTransformerConfig): (readonly [number, number])[] => {
  const size = what === 'segment' ? Math.ceil(Math.sqrt(layers)) : 1;
  return Array.from({ length: Math.ceil(layers / size) }, (_, i) => [i * size, Math.min(layers, (i + 1) * size)]);
};
